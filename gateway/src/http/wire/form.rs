//! Forms (`application/x-www-form-urlencoded`), rewritten as the JSON that they stand for, so that
//! there is one parser and one type for every request.
//!
//! ```text
//!   amount=100.00&currency=INR&card[number]=4242…   {"amount":100.00,"currency":"INR","card":{"number":"4242…"}}
//!   paymentMethod=card&cardNumber=4242…&cvv=123     {"paymentMethod":"card","payment_details":{"cardNumber":"4242…","cvv":"123"}}
//! ```
//!
//! Invariant: what is copied out of the form is wiped when it is dropped.

use zeroize::Zeroizing;

use crate::http::error::{ErrorCode, Problem};

/// A form as JSON.
pub(crate) struct FormBody {
    json: Zeroizing<Vec<u8>>,
    names: FormNames,
}

/// What a form's names have become.
#[derive(Clone, Copy)]
pub(crate) struct FormNames {
    /// Whether flat names were gathered under [`INSTRUMENT`].
    gathered: bool,
}

/// Most names of a form: more than a request has fields, with all the metadata it may have.
const MOST_NAMES: usize = 128;

/// Deepest nesting: `metadata[key]` and `card[number]` are two.
const DEEPEST: usize = 4;

/// Where the flat names of an instrument are gathered.
const INSTRUMENT: &str = "payment_details";

/// Other names of the same object: where a form has one, its author nests, and nothing is gathered.
const OTHER_INSTRUMENTS: [&str; 4] = [INSTRUMENT, "paymentDetails", "card", "cardDetails"];

/// What older forms write flat, beside the amount. The fields of other methods may stand there
/// anyway.
const FLAT_INSTRUMENT: [&str; 11] = [
    "cardNumber",
    "card_number",
    "expiryMonth",
    "expiry_month",
    "expiryYear",
    "expiry_year",
    "cvv",
    "holderName",
    "holder_name",
    "cardHolderName",
    "card_holder_name",
];

enum Node {
    Text(Zeroizing<String>),
    Object(Vec<(String, Node)>),
}

impl FormBody {
    /// Takes a form apart.
    ///
    /// # Errors
    /// Where it is no form, or gives a name twice.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Problem> {
        let mut root = Vec::new();
        let pairs = body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
        for (count, pair) in pairs.enumerate() {
            if count == MOST_NAMES {
                return Err(invalid(format!("a form has at most {MOST_NAMES} names")));
            }
            let place = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            let (name, value) = pair.split_at(place);
            let name = decoded(name)?;
            let value = decoded(value.strip_prefix(b"=").unwrap_or_default())?;
            insert(&mut root, &name, value)?;
        }
        let gathered = gather_instrument(&mut root);
        // Escapes make a text longer; twice is enough for all but control characters, so that the
        // buffer hardly ever moves and leaves a copy behind.
        let mut json = Zeroizing::new(Vec::with_capacity(2 * body.len() + 64));
        write_object(&mut json, &root, true);
        Ok(Self { json, names: FormNames { gathered } })
    }

    /// The same as JSON.
    pub(crate) fn json(&self) -> &[u8] {
        &self.json
    }

    /// Its names, which may outlive what they stand for.
    pub(crate) fn names(&self) -> FormNames {
        self.names
    }
}

impl FormNames {
    /// A problem of the JSON, in the words of the form: its pointers lead to the form's names, and
    /// lines and columns, which a form has not, are left out.
    pub(crate) fn translate(self, problem: Problem) -> Problem {
        if problem.code() == ErrorCode::BodyInvalid {
            return invalid(
                "a name has a value where it should have names in brackets, or the \
                            other way round"
                    .to_owned(),
            );
        }
        if !self.gathered {
            return problem;
        }
        problem.map_pointers(|pointer| {
            let flat = pointer.strip_prefix('/')?.strip_prefix(INSTRUMENT)?;
            flat.starts_with('/').then(|| flat.to_owned())
        })
    }
}

fn invalid(what: String) -> Problem {
    Problem::new(ErrorCode::BodyInvalid, format!("The body is not a form as documented: {what}."))
}

fn decoded(bytes: &[u8]) -> Result<Zeroizing<String>, Problem> {
    decode(bytes).map_err(|fault| invalid(fault.to_owned()))
}

/// Text with its escapes undone: `+` is a space, `%41` is an A.
///
/// # Errors
/// What is wrong with it, in words.
pub(crate) fn decode(bytes: &[u8]) -> Result<Zeroizing<String>, &'static str> {
    let mut plain = Zeroizing::new(Vec::with_capacity(bytes.len()));
    let mut rest = bytes;
    while let [byte, after @ ..] = rest {
        let (letter, after) = match (byte, after) {
            (b'+', _) => (b' ', after),
            (b'%', [high, low, after @ ..]) => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16);
                let code = digit(high).zip(digit(low)).map(|(high, low)| high << 4 | low);
                let letter = code.and_then(|code| u8::try_from(code).ok());
                (letter.ok_or("an escape is no %41")?, after)
            }
            (b'%', _) => return Err("an escape is cut off"),
            (_, _) => (*byte, after),
        };
        plain.push(letter);
        rest = after;
    }
    let text = std::str::from_utf8(&plain).map_err(|_broken| "it holds what is no UTF-8")?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// Puts the value at a name such as `card[number]`.
fn insert(
    root: &mut Vec<(String, Node)>,
    name: &str,
    value: Zeroizing<String>,
) -> Result<(), Problem> {
    let mut object = root;
    let mut segments = segments(name)?;
    let last = segments.pop().expect("a name has a segment");
    for segment in segments {
        let place = match object.iter().position(|(taken, _)| *taken == segment) {
            Some(place) => place,
            None => {
                object.push((segment.to_owned(), Node::Object(Vec::new())));
                object.len() - 1
            }
        };
        let Node::Object(inner) = &mut object[place].1 else { return Err(twice(name)) };
        object = inner;
    }
    if object.iter().any(|(taken, _)| taken == last) {
        return Err(twice(name));
    }
    object.push((last.to_owned(), Node::Text(value)));
    Ok(())
}

/// A name is no secret, but somebody may have put one there.
fn twice(name: &str) -> Problem {
    let is_name = name.len() <= 64 && !name.bytes().any(|byte| byte.is_ascii_digit());
    invalid(if is_name {
        format!("`{name}` is given twice")
    } else {
        "a name is given twice".into()
    })
}

/// `card[number]` is `card`, `number`.
fn segments(name: &str) -> Result<Vec<&str>, Problem> {
    let Some((first, rest)) = name.split_once('[') else { return Ok(vec![name]) };
    let broken = || invalid("a name's brackets do not match".to_owned());
    let rest = rest.strip_suffix(']').ok_or_else(broken)?;
    let mut segments = vec![first];
    segments.extend(rest.split("]["));
    if segments.len() > DEEPEST {
        return Err(invalid(format!("a name has at most {DEEPEST} parts")));
    }
    if segments.iter().any(|segment| segment.contains(['[', ']'])) {
        return Err(broken());
    }
    Ok(segments)
}

/// Gathers the flat names of an instrument into one object; whether there were any.
fn gather_instrument(root: &mut Vec<(String, Node)>) -> bool {
    if root.iter().any(|(name, _)| OTHER_INSTRUMENTS.contains(&name.as_str())) {
        return false;
    }
    let flat = |(name, node): &mut (String, Node)| {
        matches!(node, Node::Text(_)) && FLAT_INSTRUMENT.contains(&name.as_str())
    };
    let gathered: Vec<_> = root.extract_if(.., flat).collect();
    let any = !gathered.is_empty();
    if any {
        root.push((INSTRUMENT.to_owned(), Node::Object(gathered)));
    }
    any
}

fn write_object(json: &mut Vec<u8>, members: &[(String, Node)], is_root: bool) {
    json.push(b'{');
    for (index, (name, node)) in members.iter().enumerate() {
        if index > 0 {
            json.push(b',');
        }
        write_text(json, name);
        json.push(b':');
        match node {
            Node::Object(members) => write_object(json, members, false),
            // A form has texts alone; an amount in minor units has to be a number, and whether a
            // capture is final is true or false.
            Node::Text(text)
                if is_root
                    && (name.starts_with("amount") && is_number(text)
                        || name == "final" && matches!(text.as_str(), "true" | "false")) =>
            {
                json.extend_from_slice(text.as_bytes());
            }
            Node::Text(text) => write_text(json, text),
        }
    }
    json.push(b'}');
}

fn write_text(json: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(json, text).expect("a text can be written to memory");
}

/// Whether the text is a number as JSON writes it, without an exponent.
fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    let all_digits =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    all_digits(whole) && all_digits(fraction) && (whole == "0" || !whole.starts_with('0'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::error::Fault;

    fn json(form: &str) -> String {
        let form = FormBody::parse(form.as_bytes()).unwrap_or_else(|error| panic!("{error:?}"));
        String::from_utf8(form.json().to_vec()).unwrap()
    }

    #[test]
    fn a_form_becomes_the_json_that_it_stands_for() {
        for (form, expected) in [
            ("", "{}"),
            ("a=1", r#"{"a":"1"}"#),
            ("a", r#"{"a":""}"#),
            ("a=&&b=x=y&", r#"{"a":"","b":"x=y"}"#),
            ("a=b+c%20d%2B%26", r#"{"a":"b c d+&"}"#),
            ("a=%22%5C%0a", r#"{"a":"\"\\\n"}"#),
            ("n%C3%A9=%E2%82%B9", "{\"n\u{e9}\":\"\u{20b9}\"}"),
            ("amount=100.00&amountMinor=7", r#"{"amount":100.00,"amountMinor":7}"#),
            ("amount=-1", r#"{"amount":-1}"#),
            ("amount=1e2&amount_minor=07", r#"{"amount":"1e2","amount_minor":"07"}"#),
            ("x[amount]=1", r#"{"x":{"amount":"1"}}"#),
            ("final=false&note=true", r#"{"final":false,"note":"true"}"#),
            ("final=no&x[final]=true", r#"{"final":"no","x":{"final":"true"}}"#),
            (
                "card[number]=42&card[cvv]=1&a[b][c]=d",
                r#"{"card":{"number":"42","cvv":"1"},"a":{"b":{"c":"d"}}}"#,
            ),
            ("card%5Bnumber%5D=42", r#"{"card":{"number":"42"}}"#),
            ("items[]=1", r#"{"items":{"":"1"}}"#),
        ] {
            assert_eq!(json(form), expected, "{form}");
        }
    }

    #[test]
    fn a_flat_instrument_is_gathered_unless_one_is_nested() {
        assert_eq!(
            json("paymentMethod=card&cardNumber=42&cvv=1&amount=1"),
            r#"{"paymentMethod":"card","amount":1,"payment_details":{"cardNumber":"42","cvv":"1"}}"#
        );
        let nested = "cvv=1&cardDetails[cvv]=2";
        assert_eq!(json(nested), r#"{"cvv":"1","cardDetails":{"cvv":"2"}}"#);
    }

    #[test]
    fn faults_lead_to_the_names_of_the_form() {
        let problem = || {
            let fault = |at: &'static str| Fault::new(at, ErrorCode::ParameterInvalid, "x");
            Problem::of_faults(vec![fault("/payment_details/cvv"), fault("/amount")])
        };
        let pointers = |form: &str| {
            let form = FormBody::parse(form.as_bytes()).unwrap();
            let problem = form.names().translate(problem());
            problem.faults().iter().map(|fault| fault.pointer.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(pointers("cvv=1"), ["/cvv", "/amount"]);
        assert_eq!(pointers("payment_details[cvv]=1"), ["/payment_details/cvv", "/amount"]);
    }

    #[test]
    fn what_is_no_form_is_refused_without_its_content() {
        let many = "a=4242&".repeat(2);
        let names: Vec<String> = (0..=MOST_NAMES).map(|index| format!("n{index}=4242")).collect();
        for form in [
            many.as_str(),
            &names.join("&"),
            "4242424242424242=1&4242424242424242=2",
            "a=%4",
            "a=%zz4242",
            "a=%ff4242",
            "a[b=4242",
            "a[b]c=4242",
            "a[[b]]=4242",
            "a[b][c][d][e]=4242",
            "a=4242&a[b]=4242",
            "a[b]=4242&a=4242",
        ] {
            let problem = FormBody::parse(form.as_bytes()).err().expect(form);
            assert_eq!(problem.code(), ErrorCode::BodyInvalid, "{form}");
            assert!(!format!("{problem:?}").contains("4242"), "{problem:?}");
        }
    }
}
