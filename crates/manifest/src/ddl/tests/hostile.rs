//! Whatever the bytes: no panic, bounded work, and every mistake marked inside the text.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::super::{canonical_type, parse};

const SEED: &str = "CREATE EXTERNAL TABLE IF NOT EXISTS `d`.t (a int COMMENT 'x\\001', `ü` struct<1e3:array<decimal(10,2)>>) \
    COMMENT \"c\" PARTITIONED BY (p string, bucket(4, a)) CLUSTERED BY (a) SORTED BY (a DESC) INTO 4 BUCKETS \
    ROW FORMAT DELIMITED FIELDS TERMINATED BY '\\t' ESCAPED BY '\\\\' WITH SERDEPROPERTIES ('k'='v') \
    STORED AS INPUTFORMAT 'a.B' OUTPUTFORMAT 'c.D' LOCATION 's3://b/${x}/' -- end\n \
    TBLPROPERTIES ('table_type'='ICEBERG', 'storage.location.template'='${p}'); # and\r\n CREATE TABLE u AS SELECT 1";

fn holds(text: &str) {
    if let Err(errors) = parse(text) {
        assert!(!errors.is_empty());
        for error in errors {
            assert!(text.get(error.range.clone()).is_some(), "{error:?} is not inside {text:?}");
            assert!(!error.message.is_empty() && error.message.len() < 1_000, "{error:?}");
        }
    }
    match canonical_type(text) {
        Ok(canonical) => assert_eq!(canonical_type(&canonical), Ok(canonical)),
        Err(error) => assert!(text.get(error.range.clone()).is_some(), "{error:?} is not inside {text:?}"),
    }
}

fn piece() -> impl Strategy<Value = String> {
    let words = SEED
        .split_inclusive([' ', '(', ')', ',', '<', '>', '\'', ':'])
        .map(str::to_owned)
        .collect::<Vec<_>>();
    let odd = [
        "'", "\"", "`", "``", "''", "\\", "/*", "*/", "--", "#", "\n", "\r", "\u{feff}", "$$", "${", "}",
        "{{", "<x>", ">>", "._", "N'x'", "x'ab'", "U&'\\00'", "e'\\", "0x", "1e", "\0", "\u{200b}", "😀",
        "\u{a0}", "\\ud83d", "'\\u12",
    ];
    prop_oneof![
        3 => proptest::sample::select(words),
        1 => proptest::sample::select(odd.map(str::to_owned).to_vec()),
        1 => any::<String>(),
    ]
}

#[test]
fn a_file_far_too_long_is_refused_unread() {
    let errors = parse(&"(".repeat(1024 * 1024 + 1)).unwrap_err();
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].message, "definitions of more than 1048576 bytes are not read");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_hold(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        holds(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_shuffle_of_real_pieces_holds(pieces in proptest::collection::vec(piece(), 0..60)) {
        holds(&pieces.concat());
    }

    #[test]
    fn any_damage_to_a_real_definition_holds(at in 0..SEED.len(), length in 0_usize..20, put in piece()) {
        let at = SEED.floor_char_boundary(at);
        let end = SEED.ceil_char_boundary((at + length).min(SEED.len()));
        holds(&format!("{}{put}{}", &SEED[..at], &SEED[end..]));
    }

    #[test]
    fn any_cut_of_a_real_definition_holds(at in 0..SEED.len()) {
        let at = SEED.floor_char_boundary(at);
        holds(&SEED[..at]);
        holds(&SEED[at..]);
    }

    #[test]
    fn a_string_written_with_escapes_comes_back(text in "[ -~äß😀\t]{0,40}") {
        let escaped = text.replace('\\', "\\\\").replace('\'', "\\'");
        let found = parse(&format!("CREATE EXTERNAL TABLE t (a int) TBLPROPERTIES ('k'='{escaped}')")).unwrap();
        prop_assert_eq!(&found[0].parameters["k"], &text);
    }
}

#[test]
fn large_and_broken_files_take_no_long_time() {
    let started = Instant::now();
    let repeated = |piece: &str| piece.repeat(60_000 / piece.len());
    for piece in [
        "(",
        "<",
        ",",
        "'",
        "`",
        "a ",
        "a int,",
        "CREATE TABLE ",
        "CREATE TABLE t (",
        "array<",
        "/*",
        "._",
        "${",
        "${,",
        "a b<,",
        "a int) (",
        "CREATE EXTERNAL TABLE t (a int)",
        "$",
        "\\",
        "\n",
    ] {
        let text = repeated(piece);
        holds(&text);
        holds(&format!("CREATE EXTERNAL TABLE t ({text}"));
        holds(&format!("CREATE EXTERNAL TABLE t (a int) {text}"));
        holds(&format!("CREATE EXTERNAL TABLE t (a struct<{text}"));
        holds(&format!("CREATE EXTERNAL TABLE t (a int) TBLPROPERTIES ('k'='{text}"));
    }
    let columns: Vec<String> = (0..10_000).map(|number| format!("c{number} array<int>")).collect();
    let wide = format!("CREATE EXTERNAL TABLE t ({})", columns.join(",\n"));
    assert_eq!(parse(&wide).unwrap()[0].columns.len(), 10_000);
    assert!(started.elapsed() < Duration::from_mins(1), "{:?}", started.elapsed());
}
