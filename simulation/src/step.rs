//! One step of a play, as data and as a line of text.
//!
//! A step names what it is about by a number that is taken modulo what there is: call 7 of three is
//! the second. So any subset of a play's steps is a play, and a step with nothing to be about does
//! nothing.
//!
//! ```text
//! pay m2 10000 INR manual key=3/0 card small waiting   a merchant asks; also: JPY, BHD, automatic, key=-,
//!                                  old-card, upi, netbanking, wallet; large, enormous
//!                                  further words: review, and order=2, by which it pays the third
//! order m2 10000 INR key=-         a merchant wants to be paid for an order
//! ask 3 refund-part key=7 waiting  a merchant asks something for a payment; see `Deed`
//! repeat 2 / repeat 2 otherwise    somebody asks it again under its key; with another request
//! decide 1 returned                an operator closes a case; also assigned, withdrawn, dismissed
//! leave 4                          a client gives up waiting
//! read 2                           somebody reads a payment
//! group                            the log writer takes its turn
//! release                          a group that is durable is let go
//! call 0 approve                   a call that was let go is made, and the provider does this
//! arrive 1 decline                 a call that was long under way arrives
//! answer 0 / answer 0 twice        the provider's answer comes back
//! settle 3 approve                 the provider, or the customer, makes up its mind
//! callback 3 truth                 the provider calls us; also a lie: denial, boast, act ...
//! settle-job 1 decline             the same of an operation
//! callback-job 1 truth             and of what the provider says of one
//! nobody                           an answer of which nobody knows the payment
//! tick 1                           a shard looks at what is due
//! archive 1                        payments leave memory of which nothing is left to do
//! find 0                           what waited for a payment that was away goes on
//! wait 500 / wait due              time passes, in milliseconds; exactly until something is due
//! jump -90000                      the wall clock jumps
//! space 900 / space -              the disk has so many bytes left; room again
//! fail all nothing                 the next commit fails, and this is left in journal and sled
//! snapshot                         everything that is sealed goes into a snapshot
//! crash                            the process dies and comes back; further words:
//!   committing=prefix:700/all      in the middle of a commit, of which this is left
//!   power=sectors:5/nothing        with the power, and this is left of what was not synced
//!   deciding                       between a decision and its record
//!   damage=sled:flip:0:99          and this happens to one copy of the log
//!   recovering=2                   the next process dies before its third mending
//!   snapshot-lost                  and the newest snapshot cannot be read any more
//! ```

use std::{fmt, str::FromStr};

use tollgate_wal::store::faulty::Kept;

/// One step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// A merchant asks for a payment.
    Pay(Pay),
    /// A merchant wants to be paid for an order.
    Order(NewOrder),
    /// A merchant asks something for a payment.
    Ask(Ask),
    /// What was asked under a key is asked again, or something else is.
    Repeat(u16, bool),
    /// An operator closes a case.
    Decide(u16, Verdict),
    /// A client gives up waiting.
    Leave(u16),
    /// Somebody reads a payment.
    Read(u16),
    /// The log writer takes its turn.
    Group,
    /// A group that came back from the log is let go.
    Release,
    /// A call that was let go is made.
    Call(u16, Fate),
    /// A call that was long under way arrives at the provider.
    Arrive(u16, Fate),
    /// The provider's answer to a call comes back; twice if so said.
    Answer(u16, bool),
    /// The provider makes up its mind about an attempt.
    Settle(u16, Fate),
    /// The provider calls us about an attempt.
    Callback(u16, Claim),
    /// The provider makes up its mind about an operation.
    SettleJob(u16, Fate),
    /// The provider calls us about an operation.
    CallbackJob(u16, Claim),
    /// An answer to nobody.
    Nobody,
    /// A shard looks at what is due.
    Tick(u16),
    /// Payments leave memory of which nothing is left to do.
    Archive(u16),
    /// What waited for a payment that was away goes on.
    Find(u16),
    /// Milliseconds pass.
    Wait(u64),
    /// Time passes until something is due.
    WaitDue,
    /// The wall clock jumps by milliseconds.
    Jump(i64),
    /// So many bytes are left on the disk.
    Space(Option<u64>),
    /// The next commit fails, and this is left of it in journal and sled.
    Fail(Kept, Kept),
    /// Everything that is sealed goes into a snapshot.
    Snapshot,
    /// The process dies and comes back.
    Crash(Crash),
}

/// A payment that is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pay {
    /// Which merchant.
    pub merchant: u16,
    /// How much, in minor units.
    pub minor_units: i64,
    /// In which currency.
    pub currency: Coin,
    /// Whether the funds are only reserved.
    pub manual: bool,
    /// How the customer pays.
    pub method: Method,
    /// The merchant's idempotency key, and which body comes with it.
    pub key: Option<(u8, u8)>,
    /// How much comes with it.
    pub size: Size,
    /// Whether the client waits until the payment has settled.
    pub waiting: bool,
    /// Whether it is held for a reviewer.
    pub review: bool,
    /// Which order it pays.
    pub order: Option<u16>,
}

/// An order that is created.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NewOrder {
    /// Which merchant.
    pub merchant: u16,
    /// How much, in minor units.
    pub minor_units: i64,
    /// In which currency.
    pub currency: Coin,
    /// The merchant's idempotency key, and which body comes with it.
    pub key: Option<(u8, u8)>,
}

/// Something asked for a payment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ask {
    /// Which payment.
    pub payment: u16,
    /// What.
    pub deed: Deed,
    /// The merchant's idempotency key.
    pub key: Option<u8>,
    /// Whether the client waits until it has settled.
    pub waiting: bool,
}

/// How the process ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Crash {
    /// In the middle of a commit, of which this is left in journal and sled.
    pub committing: Option<(Kept, Kept)>,
    /// With the power, and this is left of what was not synced in journal and sled.
    pub power: Option<(Kept, Kept)>,
    /// Between a decision and its record.
    pub deciding: bool,
    /// What happens to the log meanwhile.
    pub damage: Option<Damage>,
    /// The next process dies as well, when it has mended the log in so many places and would mend
    /// one more.
    pub recovering: Option<u8>,
    /// The newest snapshot cannot be read any more.
    pub snapshot_lost: bool,
}

/// What happens to one copy of a segment of the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Damage {
    /// To which copy.
    pub copy: Copy,
    /// What.
    pub kind: DamageKind,
    /// To which segment.
    pub segment: u16,
    /// Where, in bytes.
    pub at: u32,
}

/// Something with a name in a line of text.
pub(crate) trait Word: std::marker::Copy + PartialEq + 'static {
    const WORDS: &'static [(&'static str, Self)];

    fn word(self) -> &'static str {
        let found = Self::WORDS.iter().find(|(_word, value)| *value == self);
        found.map(|(word, _value)| *word).expect("everything has a word")
    }

    fn of_word(text: &str) -> Result<Self, String> {
        let found = Self::WORDS.iter().find(|(word, _value)| *word == text);
        found.map(|(_word, value)| *value).ok_or_else(|| format!("what is {text:?}?"))
    }
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, std::marker::Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];
        }

        impl Word for $name {
            const WORDS: &'static [(&'static str, Self)] = &[$(($word, Self::$variant),)*];
        }
    };
}

words! {
    /// A currency.
    Coin {
        /// Indian rupee: two decimals.
        Inr = "INR",
        /// Yen: none.
        Jpy = "JPY",
        /// Bahraini dinar: three.
        Bhd = "BHD",
    }
}

words! {
    /// How a customer pays.
    Method {
        /// By card.
        Card = "card",
        /// By a card whose last month ends within the hour.
        OldCard = "old-card",
        /// By UPI.
        Upi = "upi",
        /// By net banking.
        NetBanking = "netbanking",
        /// From a wallet.
        Wallet = "wallet",
    }
}

words! {
    /// What a merchant asks for a payment. A part is a half, rounded up.
    Deed {
        /// The customer has acted.
        Confirm = "confirm",
        /// Take all that is reserved.
        Capture = "capture",
        /// Take a part, and keep the rest.
        CapturePart = "capture-part",
        /// Take a part, and let go of the rest.
        CaptureFinal = "capture-final",
        /// Take more than is reserved.
        CaptureTooMuch = "capture-too-much",
        /// Let go of what is reserved.
        Void = "void",
        /// Undo all of it.
        Reverse = "reverse",
        /// Return all that is left.
        Refund = "refund",
        /// Return a part of what was asked for.
        RefundPart = "refund-part",
        /// Return more than was asked for.
        RefundTooMuch = "refund-too-much",
        /// A reviewer lets it go on.
        Approve = "approve",
        /// A reviewer does not.
        Reject = "reject",
    }
}

words! {
    /// How an operator closes a case.
    Verdict {
        /// The money went back.
        Returned = "returned",
        /// The money is the merchant's.
        Assigned = "assigned",
        /// The provider stands by what it said first.
        Withdrawn = "withdrawn",
        /// Nothing is to be booked.
        Dismissed = "dismissed",
    }
}

words! {
    /// How much a merchant sends along.
    Size {
        /// Little, as most do.
        Small = "small",
        /// So much that the record spans frames.
        Large = "large",
        /// More than a record may hold.
        Enormous = "enormous",
    }
}

words! {
    /// What becomes of a call at the provider. An inquiry is answered by the truth, unless its
    /// fate is to be lost.
    Fate {
        /// Approved, and we are told.
        Approve = "approve",
        /// Declined, and we are told.
        Decline = "decline",
        /// The customer has to act.
        Act = "act",
        /// The provider will answer later.
        Pend = "pend",
        /// Approved, but the answer is lost.
        ApproveUnheard = "approve-unheard",
        /// Declined, but the answer is lost.
        DeclineUnheard = "decline-unheard",
        /// It never left us, and we know.
        NotSent = "not-sent",
        /// It never arrived, and we do not know.
        Lost = "lost",
        /// It is under way for long; we do not know.
        Delayed = "delayed",
    }
}

words! {
    /// What the provider says of an attempt, without being asked.
    Claim {
        /// What stands in its ledger.
        Truth = "truth",
        /// That it was declined, whatever stands there.
        Denial = "denial",
        /// That it was approved, whatever stands there.
        Boast = "boast",
        /// That the customer has to act.
        Act = "act",
        /// That the customer has to do what nobody can.
        ActInVain = "act-in-vain",
        /// That it will answer later.
        Pend = "pend",
        /// Nothing that tells.
        Unknown = "unknown",
    }
}

words! {
    /// One of the log's two copies.
    Copy {
        /// The journal.
        Journal = "journal",
        /// The sled copy.
        Sled = "sled",
        /// Both, in the middle, where nothing can heal it.
        Both = "both",
    }
}

words! {
    /// What can happen to bytes on a disk.
    DamageKind {
        /// A bit flips.
        Flip = "flip",
        /// A sector is zeros.
        Zero = "zero",
        /// A write lands in another place, and its own keeps what it had.
        Misdirect = "misdirect",
        /// The rest is gone.
        Cut = "cut",
        /// Foreign bytes follow.
        Grow = "grow",
        /// The disk does not give it.
        Unread = "unread",
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pay(pay) => write!(f, "{pay}"),
            Self::Order(order) => write!(f, "{order}"),
            Self::Ask(ask) => write!(f, "{ask}"),
            Self::Repeat(asked, false) => write!(f, "repeat {asked}"),
            Self::Repeat(asked, true) => write!(f, "repeat {asked} otherwise"),
            Self::Decide(case, verdict) => write!(f, "decide {case} {}", verdict.word()),
            Self::Leave(client) => write!(f, "leave {client}"),
            Self::Read(payment) => write!(f, "read {payment}"),
            Self::Group => f.write_str("group"),
            Self::Release => f.write_str("release"),
            Self::Call(call, fate) => write!(f, "call {call} {}", fate.word()),
            Self::Arrive(call, fate) => write!(f, "arrive {call} {}", fate.word()),
            Self::Answer(answer, false) => write!(f, "answer {answer}"),
            Self::Answer(answer, true) => write!(f, "answer {answer} twice"),
            Self::Settle(attempt, fate) => write!(f, "settle {attempt} {}", fate.word()),
            Self::Callback(attempt, claim) => write!(f, "callback {attempt} {}", claim.word()),
            Self::SettleJob(job, fate) => write!(f, "settle-job {job} {}", fate.word()),
            Self::CallbackJob(job, claim) => write!(f, "callback-job {job} {}", claim.word()),
            Self::Nobody => f.write_str("nobody"),
            Self::Tick(shard) => write!(f, "tick {shard}"),
            Self::Archive(shard) => write!(f, "archive {shard}"),
            Self::Find(lookup) => write!(f, "find {lookup}"),
            Self::Wait(span) => write!(f, "wait {span}"),
            Self::WaitDue => f.write_str("wait due"),
            Self::Jump(span) => write!(f, "jump {span}"),
            Self::Space(None) => f.write_str("space -"),
            Self::Space(Some(bytes)) => write!(f, "space {bytes}"),
            Self::Fail(journal, sled) => write!(f, "fail {} {}", Left(*journal), Left(*sled)),
            Self::Snapshot => f.write_str("snapshot"),
            Self::Crash(crash) => write!(f, "{crash}"),
        }
    }
}

impl fmt::Display for Pay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let capture = if self.manual { "manual" } else { "automatic" };
        let (merchant, units) = (self.merchant, self.minor_units);
        write!(f, "pay m{merchant} {units} {} {capture}", self.currency.word())?;
        match self.key {
            Some((key, body)) => write!(f, " key={key}/{body}")?,
            None => f.write_str(" key=-")?,
        }
        write!(f, " {} {}", self.method.word(), self.size.word())?;
        if self.waiting {
            f.write_str(" waiting")?;
        }
        if self.review {
            f.write_str(" review")?;
        }
        match self.order {
            Some(order) => write!(f, " order={order}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for NewOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (merchant, units) = (self.merchant, self.minor_units);
        write!(f, "order m{merchant} {units} {}", self.currency.word())?;
        match self.key {
            Some((key, body)) => write!(f, " key={key}/{body}"),
            None => f.write_str(" key=-"),
        }
    }
}

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ask {} {}", self.payment, self.deed.word())?;
        match self.key {
            Some(key) => write!(f, " key={key}")?,
            None => f.write_str(" key=-")?,
        }
        if self.waiting { f.write_str(" waiting") } else { Ok(()) }
    }
}

impl fmt::Display for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("crash")?;
        if let Some((journal, sled)) = self.committing {
            write!(f, " committing={}/{}", Left(journal), Left(sled))?;
        }
        if let Some((journal, sled)) = self.power {
            write!(f, " power={}/{}", Left(journal), Left(sled))?;
        }
        if self.deciding {
            f.write_str(" deciding")?;
        }
        if let Some(Damage { copy, kind, segment, at }) = self.damage {
            write!(f, " damage={}:{}:{segment}:{at}", copy.word(), kind.word())?;
        }
        if let Some(mendings) = self.recovering {
            write!(f, " recovering={mendings}")?;
        }
        if self.snapshot_lost {
            f.write_str(" snapshot-lost")?;
        }
        Ok(())
    }
}

/// What is left of a group.
struct Left(Kept);

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Kept::Nothing => f.write_str("nothing"),
            Kept::Prefix(bytes) => write!(f, "prefix:{bytes}"),
            Kept::Sectors(sectors) => write!(f, "sectors:{sectors}"),
            Kept::All => f.write_str("all"),
        }
    }
}

impl FromStr for Step {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let mut words = line.split_whitespace();
        let verb = words.next().ok_or("an empty line")?;
        let words: Vec<&str> = words.collect();
        let step = match (verb, &words[..]) {
            ("pay", words) => Self::Pay(pay(words)?),
            ("order", words) => Self::Order(order(words)?),
            ("ask", words) => Self::Ask(ask(words)?),
            ("repeat", [asked]) => Self::Repeat(number(asked)?, false),
            ("repeat", [asked, "otherwise"]) => Self::Repeat(number(asked)?, true),
            ("decide", [case, verdict]) => Self::Decide(number(case)?, Verdict::of_word(verdict)?),
            ("leave", [client]) => Self::Leave(number(client)?),
            ("read", [payment]) => Self::Read(number(payment)?),
            ("group", []) => Self::Group,
            ("release", []) => Self::Release,
            ("call", [call, fate]) => Self::Call(number(call)?, Fate::of_word(fate)?),
            ("arrive", [call, fate]) => Self::Arrive(number(call)?, Fate::of_word(fate)?),
            ("answer", [answer]) => Self::Answer(number(answer)?, false),
            ("answer", [answer, "twice"]) => Self::Answer(number(answer)?, true),
            ("settle", [attempt, fate]) => Self::Settle(number(attempt)?, Fate::of_word(fate)?),
            ("callback", [attempt, claim]) => {
                Self::Callback(number(attempt)?, Claim::of_word(claim)?)
            }
            ("settle-job", [job, fate]) => Self::SettleJob(number(job)?, Fate::of_word(fate)?),
            ("callback-job", [job, claim]) => {
                Self::CallbackJob(number(job)?, Claim::of_word(claim)?)
            }
            ("nobody", []) => Self::Nobody,
            ("tick", [shard]) => Self::Tick(number(shard)?),
            ("archive", [shard]) => Self::Archive(number(shard)?),
            ("find", [lookup]) => Self::Find(number(lookup)?),
            ("wait", ["due"]) => Self::WaitDue,
            ("wait", [span]) => Self::Wait(number(span)?),
            ("jump", [span]) => Self::Jump(number(span)?),
            ("space", ["-"]) => Self::Space(None),
            ("space", [bytes]) => Self::Space(Some(number(bytes)?)),
            ("fail", [journal, sled]) => Self::Fail(left(journal)?, left(sled)?),
            ("snapshot", []) => Self::Snapshot,
            ("crash", words) => Self::Crash(crash(words)?),
            _ => return Err(format!("what is {line:?}?")),
        };
        Ok(step)
    }
}

fn pay(words: &[&str]) -> Result<Pay, String> {
    let [merchant, units, currency, capture, key, method, size, further @ ..] = words else {
        return Err(
            "a payment has a merchant, an amount, a currency, a capture, a key, a method and a size"
                .to_owned(),
        );
    };
    let order = further.iter().find_map(|word| word.strip_prefix("order="));
    Ok(Pay {
        merchant: merchant_of(merchant)?,
        minor_units: number(units)?,
        currency: Coin::of_word(currency)?,
        manual: *capture == "manual",
        method: Method::of_word(method)?,
        key: key_and_body(key)?,
        size: Size::of_word(size)?,
        waiting: further.contains(&"waiting"),
        review: further.contains(&"review"),
        order: order.map(number).transpose()?,
    })
}

fn order(words: &[&str]) -> Result<NewOrder, String> {
    let [merchant, units, currency, key] = words else {
        return Err("an order has a merchant, an amount, a currency and a key".to_owned());
    };
    Ok(NewOrder {
        merchant: merchant_of(merchant)?,
        minor_units: number(units)?,
        currency: Coin::of_word(currency)?,
        key: key_and_body(key)?,
    })
}

fn ask(words: &[&str]) -> Result<Ask, String> {
    let [payment, deed, key, waiting @ ..] = words else {
        return Err("what is asked has a payment, a deed and a key".to_owned());
    };
    let key = key.strip_prefix("key=").ok_or("a key begins with key=")?;
    Ok(Ask {
        payment: number(payment)?,
        deed: Deed::of_word(deed)?,
        key: (key != "-").then(|| number(key)).transpose()?,
        waiting: waiting == ["waiting"],
    })
}

fn merchant_of(word: &str) -> Result<u16, String> {
    number(word.strip_prefix('m').ok_or("a merchant begins with m")?)
}

fn key_and_body(word: &str) -> Result<Option<(u8, u8)>, String> {
    let key = word.strip_prefix("key=").ok_or("a key begins with key=")?;
    match key.split_once('/') {
        Some((key, body)) => Ok(Some((number(key)?, number(body)?))),
        None => Ok(None),
    }
}

fn crash(words: &[&str]) -> Result<Crash, String> {
    let mut crash = Crash::default();
    for word in words {
        match word.split_once('=') {
            None if *word == "deciding" => crash.deciding = true,
            None if *word == "snapshot-lost" => crash.snapshot_lost = true,
            Some(("committing", both)) => crash.committing = Some(left_of_both(both)?),
            Some(("recovering", mendings)) => crash.recovering = Some(number(mendings)?),
            Some(("power", both)) => crash.power = Some(left_of_both(both)?),
            Some(("damage", damage)) => {
                let parts: Vec<&str> = damage.split(':').collect();
                let [copy, kind, segment, at] = parts[..] else {
                    return Err(format!("what is {damage:?}?"));
                };
                crash.damage = Some(Damage {
                    copy: Copy::of_word(copy)?,
                    kind: DamageKind::of_word(kind)?,
                    segment: number(segment)?,
                    at: number(at)?,
                });
            }
            Some(_) | None => return Err(format!("what is {word:?}?")),
        }
    }
    Ok(crash)
}

fn left_of_both(text: &str) -> Result<(Kept, Kept), String> {
    let (journal, sled) = text.split_once('/').ok_or("journal and sled, with a / between")?;
    Ok((left(journal)?, left(sled)?))
}

fn left(text: &str) -> Result<Kept, String> {
    match text.split_once(':') {
        None if text == "nothing" => Ok(Kept::Nothing),
        None if text == "all" => Ok(Kept::All),
        Some(("prefix", bytes)) => Ok(Kept::Prefix(number(bytes)?)),
        Some(("sectors", sectors)) => Ok(Kept::Sectors(number(sectors)?)),
        Some(_) | None => Err(format!("what is {text:?}?")),
    }
}

fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_not_a_number| format!("{text:?} is no number that fits here"))
}
