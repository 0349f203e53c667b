#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    strongroom::fuzzing::tree_piece(bytes);
});
