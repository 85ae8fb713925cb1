use super::super::canonical_type;

fn error(text: &str) -> (String, String, String) {
    let error = canonical_type(text).expect_err("a mistake");
    (text[error.range].to_owned(), error.message, error.hint.unwrap_or_default())
}

#[test]
fn types_have_one_spelling() {
    for (written, canonical) in [
        ("STRING", "string"),
        ("integer", "int"),
        ("double precision", "double"),
        ("decimal", "decimal(10,0)"),
        ("DECIMAL(5)", "decimal(5,0)"),
        ("decimal( 38 , 38 )", "decimal(38,38)"),
        ("varchar( 65535 )", "varchar(65535)"),
        ("Char(1)", "char(1)"),
        ("array < map < string , array<integer> > >", "array<map<string,array<int>>>"),
        ("struct<1st:int,2e5:INT,3d:double>", "struct<1st:int,2e5:int,3d:double>"),
        (
            "struct<`Content-Type`:string,content-length:int>",
            "struct<content-type:string,content-length:int>",
        ),
        (
            "struct<$oid:string,@timestamp:date,a.b:int,_x:int,`$`:int>",
            "struct<$oid:string,@timestamp:date,a.b:int,_x:int,$:int>",
        ),
        ("struct<struct:struct<map:map<int,date>>>", "struct<struct:struct<map:map<int,date>>>"),
        (" timestamp\r\n-- when\n", "timestamp"),
    ] {
        assert_eq!(canonical_type(written).as_deref(), Ok(canonical), "{written}");
        assert_eq!(canonical_type(canonical).as_deref(), Ok(canonical), "settles: {canonical}");
    }
}

#[test]
fn wrong_types_are_marked_and_explained() {
    for (written, marked, message, hint) in [
        ("strng", "strng", "unknown type: `strng`", "did you mean `string`?"),
        ("array<long>", "long", "unknown type: `long`", "did you mean `bigint`?"),
        ("row(a int)", "row", "unknown type: `row`", "did you mean `struct`?"),
        (
            "array(int)",
            "array(",
            "`array(…)` is the syntax of queries",
            "in a table definition write `array<…>`",
        ),
        ("varchar", "varchar", "`varchar` has no length", "write `varchar(n)`, or `string`"),
        ("varchar(70000)", "varchar(70000)", "the length of a `varchar` is 1 to 65535: 70000", ""),
        ("char(0)", "char(0)", "the length of a `char` is 1 to 255: 0", ""),
        ("decimal(39,2)", "decimal(39,2)", "a decimal has 1 to 38 digits: 39", ""),
        (
            "decimal(2,3)",
            "decimal(2,3)",
            "a decimal of 2 digits cannot have more behind the point: 3",
            "write `decimal(digits, digits behind the point)`",
        ),
        ("decimal(4294967296)", "4294967296", "expected the number of digits: found `4294967296`", ""),
        ("int(11)", "int(", "`int` takes nothing in brackets", ""),
        ("map<array<int>,int>", "array<int>", "the key of a map must be a simple type", ""),
        ("map<int>", ">", "expected `,` and the type of the map's values: found `>`", ""),
        ("array<int", "", "expected `>` to close `array<`: found the end of the text", ""),
        ("struct<a int>", "int", "expected `:` and a type after the field `a`: found `int`", ""),
        ("struct<>", ">", "expected the name of a struct's field: found `>`", ""),
        ("struct<a:int,A:int>", "A", "the field is in this struct twice: `a`", ""),
        ("int int", "int", "expected the end of the type: found `int`", ""),
        ("", "", "expected a type: found the end of the text", ""),
        ("'int'", "'int'", "expected a type: found the string 'int'", ""),
        ("'int", "'int", "this string is never closed", "a quote is missing here or further up"),
        (
            "${var.type}",
            "${var.type}",
            "nothing was put in place of `${var.type}`",
            "write the value, or `${var.name}` of a variable the manifest has",
        ),
        (
            "uniontype<int,string>",
            "uniontype",
            "Athena cannot read a `uniontype`",
            "use a `struct` with a field for each case, or `string`",
        ),
        (
            "timestamp with time zone",
            "timestamp with",
            "a table's timestamp has no time zone",
            "write `timestamp`",
        ),
        (
            "struct<`a:b`:int>",
            "`a:b`",
            "a struct's field whose name holds `:`: the catalogue cannot keep it",
            "rename the field with a `mapping.…` property of the JSON SerDe",
        ),
        (
            "struct<a:int COMMENT 'x'>",
            "COMMENT",
            "the comment of a struct's field: the catalogue has no place for it",
            "move it to the column's comment, or behind `--`",
        ),
    ] {
        assert_eq!(error(written), (marked.to_owned(), message.to_owned(), hint.to_owned()), "{written}");
    }
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth: usize| format!("{}int{}", "array<".repeat(depth), ">".repeat(depth));
    assert!(canonical_type(&nested(63)).is_ok());
    assert_eq!(error(&nested(64)).1, "types are nested too deeply: more than 64");
    assert_eq!(error(&"struct<a:".repeat(100_000)).1, "types are nested too deeply: more than 64");
}

#[test]
fn a_type_longer_than_glue_keeps_is_refused() {
    let fields: Vec<String> = (0..20_000).map(|number| format!("field{number}:int")).collect();
    let long = format!("struct<{}>", fields.join(","));
    assert!(error(&long).1.starts_with("the type is longer than the 131072 characters Glue keeps: "));
}
