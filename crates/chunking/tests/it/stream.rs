use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read};

use proptest::prelude::*;
use strongroom_chunking::{ChunkSizes, ChunkStream, Chunker, Cut, Masks};

use crate::cut::{any_data, any_sizes};
use crate::model::{gear, lengths_by_fastcdc, xof};

/// What one call of `read` does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    /// Yields at most so many bytes.
    Read(usize),
    Interrupt,
    Fail,
    /// Claims one byte more than there was room for.
    Lie,
}

/// Reads `data` by steps, over and over again.
pub(crate) struct Steps<'a> {
    data: &'a [u8],
    steps: VecDeque<Step>,
    /// Calls of `read` so far.
    calls: usize,
}

impl<'a> Steps<'a> {
    pub(crate) fn new(data: &'a [u8], steps: impl IntoIterator<Item = Step>) -> Self {
        Self {
            data,
            steps: steps.into_iter().collect(),
            calls: 0,
        }
    }
}

impl Read for Steps<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        assert!(!buffer.is_empty(), "an empty read looks like the end");
        self.calls += 1;
        let step = self.steps.pop_front().unwrap_or(Step::Read(usize::MAX));
        self.steps.push_back(step);
        match step {
            Step::Read(most) => {
                let len = most.min(buffer.len());
                self.data.read(&mut buffer[..len])
            }
            Step::Interrupt => Err(ErrorKind::Interrupted.into()),
            Step::Fail => Err(ErrorKind::PermissionDenied.into()),
            Step::Lie => Ok(buffer.len() + 1),
        }
    }
}

pub(crate) fn any_steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (1..300usize).prop_map(Step::Read),
        3 => (1..200_000usize).prop_map(Step::Read),
        1 => Just(Step::Read(usize::MAX)),
        1 => Just(Step::Interrupt),
    ];
    // The last step makes sure that something is read in every round.
    prop::collection::vec(step, 0..12).prop_map(|mut steps| {
        steps.push(Step::Read(70_000));
        steps
    })
}

/// All chunks of a stream, as one copy of the bytes and their lengths.
pub(crate) fn collect<R: Read, C: Cut>(
    mut stream: ChunkStream<R, C>,
) -> (Vec<u8>, Vec<usize>, Vec<u8>) {
    let (mut bytes, mut lengths) = (Vec::new(), Vec::new());
    while let Some(chunk) = stream.next_chunk().unwrap() {
        bytes.extend_from_slice(chunk);
        lengths.push(chunk.len());
    }
    assert!(stream.next_chunk().unwrap().is_none(), "the end is final");
    (bytes, lengths, stream.into_buffer())
}

fn check(sizes: ChunkSizes, data: &[u8], steps: &[Step]) -> Result<(), TestCaseError> {
    let (gear, masks) = (gear(), Masks::for_average(sizes.avg_bytes()));
    let reader = Steps::new(data, steps.iter().copied());
    let used = vec![0xa5; 3000];
    let (bytes, lengths, _) = collect(gear.chunker(sizes, masks).stream_with(reader, used));
    prop_assert!(bytes == data);
    prop_assert_eq!(
        lengths,
        lengths_by_fastcdc(data, sizes, masks, &gear.numbers())
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Data beyond the 1 MiB of the buffer, so that its tail is moved.
    #[test]
    fn splits_of_reads_do_not_move_small_cuts(
        sizes in any_sizes(), data in any_data(3 << 20), steps in any_steps(),
    ) {
        check(sizes, &data, &steps)?;
    }

    /// Chunks beyond 512 KiB, so that the buffer grows with them.
    #[test]
    fn splits_of_reads_do_not_move_large_cuts(
        max in 262_144..1_000_000usize, data in any_data(6 << 20), steps in any_steps(),
    ) {
        check(ChunkSizes::new(65_536, 262_144, 2 * max).unwrap(), &data, &steps)?;
    }
}

fn chunker() -> Chunker {
    gear().chunker(ChunkSizes::default(), Masks::for_average(65_536))
}

#[test]
fn single_bytes_cut_like_the_whole() {
    let data = xof("single bytes", 2_100_001, 0xff);
    let chunker = chunker();
    let (bytes, lengths, _) = collect(chunker.stream(Steps::new(&data, [Step::Read(1)])));
    assert!(bytes == data);
    assert!(chunker.cuts(&data).map(<[u8]>::len).eq(lengths));
}

#[test]
fn nothing_has_no_chunks() {
    let (bytes, lengths, _) = collect(chunker().stream(io::empty()));
    assert!(bytes.is_empty() && lengths.is_empty());
}

#[test]
fn a_buffer_goes_from_stream_to_stream() {
    let (one, other) = (xof("one", 3 << 20, 0xff), xof("other", 100_000, 0xff));
    let chunker = chunker();
    let (_, _, buffer) = collect(chunker.stream(one.as_slice()));
    assert_eq!(buffer.len(), 1 << 20);
    let place = buffer.as_ptr();
    let (bytes, lengths, buffer) = collect(chunker.stream_with(other.as_slice(), buffer));
    assert_eq!(buffer.as_ptr(), place, "no new buffer was allocated");
    assert!(bytes == other);
    assert!(chunker.cuts(&other).map(<[u8]>::len).eq(lengths));
}

#[test]
fn large_files_are_read_in_large_steps() {
    let data = vec![0; 16 << 20];
    let mut stream = chunker().stream(Steps::new(&data, []));
    while stream.next_chunk().unwrap().is_some() {}
    let calls = stream.into_reader().calls;
    assert!(calls <= 24, "{calls} reads for 16 MiB");
}

#[test]
fn an_error_ends_the_stream() {
    let data = xof("an error", 1 << 20, 0xff);
    let reader = Steps::new(&data, [Step::Read(300_000), Step::Fail]);
    let mut stream = chunker().stream(reader);
    let mut bytes = 0;
    let error = loop {
        match stream.next_chunk() {
            Ok(chunk) => bytes += chunk.unwrap().len(),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert!(bytes > 0, "what lay before the error was handed out");
    for _ in 0..3 {
        assert!(
            stream.next_chunk().unwrap().is_none(),
            "no byte after an error"
        );
    }
}

#[test]
fn a_reader_that_claims_too_much_is_an_error_and_no_end() {
    let reader = Steps::new(&[1; 400_000], [Step::Read(300_000), Step::Lie]);
    let mut stream = chunker().stream(reader);
    let error = loop {
        match stream.next_chunk() {
            Ok(chunk) => assert!(chunk.is_some()),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    assert!(stream.next_chunk().unwrap().is_none());
}
