//! Any bytes, sizes, masks, table and split of reads: all ways to cut agree with `fastcdc`.

#![no_main]

mod cut_body;

libfuzzer_sys::fuzz_target!(|input: &[u8]| cut_body::cut(input));
