//! The body of a payment.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _accepted = tollgate::fuzzing::payment(bytes);
});
