//! The body of a batch of payments.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _accepted = tollgate::fuzzing::batch(bytes);
});
