//! A thousand seeds, whatever else is tested.
//!
//! `TOLLGATE_SEEDS` says how many seeds are played.

use std::thread;

use tollgate_simulation::{Story, play, play_aloud, play_seeds};

/// Seeds played where nobody says otherwise.
const SEEDS: u64 = 1_000;

#[test]
fn the_engine_agrees_with_its_model_under_every_seed() {
    let asked = std::env::var("TOLLGATE_SEEDS").ok();
    let seeds = asked.map_or(SEEDS, |text| text.parse().expect("TOLLGATE_SEEDS is a number"));
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let coverage = match play_seeds(0, seeds, threads, &|_done| {}) {
        Ok(coverage) => coverage,
        Err(failure) => panic!("{failure}"),
    };
    if seeds >= SEEDS {
        assert_eq!(coverage.missing(), [""; 0], "the seeds reach whatever matters");
    }
}

#[test]
fn equal_stories_give_equal_plays() {
    let story = Story::of_seed(7);
    assert_eq!(play_aloud(&story), play_aloud(&story));
    assert_ne!(play_aloud(&story).0, play_aloud(&Story::of_seed(8)).0);
}

#[test]
fn any_part_of_a_story_is_a_story() {
    for seed in 0..20 {
        let story = Story::of_seed(seed);
        for remainder in 0..3 {
            let steps = story.steps.iter().copied().enumerate();
            let steps = steps.filter(|(index, _step)| index % 3 != remainder);
            let part = story.with_steps(steps.map(|(_index, step)| step).collect());
            assert_eq!(play(&part).err(), None, "{part}");
        }
    }
}

/// The provider denies a refund that it had done, and carries out the reversal that its denial makes
/// room for; we believe in both, and an operator has to decide.
#[test]
fn a_denied_refund_is_reckoned_beside_a_reversal() {
    let story: Story = "\
        seed 13522\n\
        pay m3 10000 BHD automatic key=14/0 wallet large\n\
        group\n\
        release\n\
        call 438 approve\n\
        answer 52\n\
        ask 391 refund key=74 waiting\n\
        group\n\
        release\n\
        call 904 approve\n\
        callback-job 299 act-in-vain\n\
        settle-job 288 decline\n\
        ask 454 reverse key=71\n\
        answer 504\n\
        group\n\
        release\n\
        call 116 approve-unheard\n"
        .parse()
        .expect("a story");
    assert_eq!(play(&story).err(), None);
}

/// While an archived payment is looked for that a key stands for, the key is forgotten and taken
/// again: who waits for the look-up is told of the new payment.
#[test]
fn a_key_that_is_taken_again_while_its_payment_is_looked_for_stands_for_the_new_one() {
    let story: Story = "\
        seed 58750\n\
        pay m5 10000 JPY manual key=0/0 netbanking small\n\
        group\n\
        wait due\n\
        release\n\
        call 599 lost\n\
        answer 17\n\
        archive 439\n\
        pay m5 10000 JPY automatic key=0/0 card small waiting\n\
        pay m5 1 BHD manual key=0/0 card small\n\
        group\n\
        release\n\
        tick 697\n\
        find 563\n\
        find 133\n"
        .parse()
        .expect("a story");
    assert_eq!(play(&story).err(), None);
}

/// A callback says of a void that it is refused, which is not so, while the provider still waits for
/// its customer: the payment does not expire on that word.
#[test]
fn an_action_does_not_expire_because_of_one_false_refusal() {
    let story: Story = "\
        seed 82927\n\
        pay m4 123456 JPY manual key=0/1 card small\n\
        group\n\
        release\n\
        call 252 act\n\
        answer 738\n\
        wait 35700\n\
        tick 544\n\
        group\n\
        release\n\
        call 12 decline\n\
        answer 33\n\
        group\n\
        release\n\
        call 681 pend\n\
        callback-job 642 denial\n\
        group\n"
        .parse()
        .expect("a story");
    assert_eq!(play(&story).err(), None);
}
