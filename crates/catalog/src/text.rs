//! Texts that are cut rather than refused.

/// The beginning of a text, at most so many bytes, cut between characters.
pub(crate) fn shorten(text: &str, max_bytes: usize) -> String {
    let mut end = text.len().min(max_bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_is_cut_off_whole() {
        assert_eq!(shorten("péché", 2), "p");
        assert_eq!(shorten("péché", 3), "pé");
        assert_eq!(shorten("péché", 100), "péché");
        assert_eq!(shorten("é", 0), "");
    }
}
