//! What a terminal does not show but obeys. Every crate that makes text for people asks here.

/// Whether a terminal would obey this character instead of showing it: control characters, and those that turn
/// the direction of writing or break a line.
pub fn is_obeyed(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_and_turns_are_obeyed_and_letters_are_shown() {
        for character in
            ['\0', '\n', '\u{1b}', '\u{7f}', '\u{9b}', '\u{61c}', '\u{202e}', '\u{2028}', '\u{2069}']
        {
            assert!(is_obeyed(character), "{character:?}");
        }
        for character in ['a', 'é', '東', '\u{200b}', '\u{fffd}', '😀', ' '] {
            assert!(!is_obeyed(character), "{character:?}");
        }
    }
}
