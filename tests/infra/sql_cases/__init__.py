"""What Trino's documentation says of functions and semantics, as Athena would print it.

AGREE: (expression, text; None is NULL). DIFFER: (expression, the real service's, ours, why).
Each list's key is the page of trino.io/docs/current it was written from.
"""

from __future__ import annotations

FAILS = "fails"  # the query ends FAILED

AGREE: dict[str, list[tuple[str, str | None]]] = {
    "functions/math": [
        ("7 / 2", "3"), ("-7 / 2", "-3"), ("7 % -3", "1"), ("-7 % 3", "-1"), ("7 / 2e0", "3.5"),
        ("5.0 / 2", "2.5"), ("1 / 0", FAILS), ("1 % 0", FAILS), ("1e0 / 0", "Infinity"),
        ("mod(7, 3)", "1"), ("power(2, 10)", "1024.0"), ("sqrt(2e0)", "1.4142135623730951"),
        ("round(2.5e0)", "3.0"), ("round(-2.5e0)", "-3.0"), ("ceil(1.2e0)", "2.0"),
        ("floor(-1.2e0)", "-2.0"), ("truncate(1.9e0)", "1.0"), ("abs(-3)", "3"),
        ("sign(-2)", "-1"), ("log2(8e0)", "3.0"), ("log(2e0, 8e0)", "3.0"), ("ln(1e0)", "0.0"),
        ("is_nan(nan())", "true"), ("is_finite(infinity())", "false"),
        ("pi()", "3.141592653589793"), ("e()", "2.718281828459045"), ("bitwise_and(19, 25)", "17"),
        ("bitwise_or(19, 25)", "27"), ("bitwise_xor(19, 25)", "10"), ("greatest(1, NULL)", None),
        ("greatest(1, 3)", "3"), ("least(2, 1)", "1"), ("degrees(pi())", "180.0"),
        ("to_base(255, 16)", "ff"), ("2147483647 + 1", FAILS),
    ],
    "functions/conversion": [
        ("CAST(2.5e0 AS integer)", "3"), ("CAST(3.5e0 AS integer)", "4"),
        ("CAST(-2.5e0 AS integer)", "-3"), ("CAST('x' AS integer)", FAILS),
        ("TRY_CAST('x' AS integer)", None), ("TRY(1 / 0)", None),
        ("CAST(true AS varchar)", "true"), ("CAST('2020-02-30' AS date)", FAILS),
        ("CAST(1 AS double)", "1.0"), ("CAST('1e3' AS double)", "1000.0"),
        ("typeof(1)", "integer"), ("typeof(1e0)", "double"), ("typeof(DATE '2020-01-01')", "date"),
        ("format('%03d', 7)", "007"), ("CAST(12345678e0 AS bigint)", "12345678"),
        ("CAST(300 AS tinyint)", FAILS),
    ],
    "functions/string": [
        ("'a' || NULL", None), ("concat('a', 'b', 'c')", "abc"), ("length('héllo')", "5"),
        ("lower('ABC')", "abc"), ("upper('abc')", "ABC"), ("lpad('x', 3, 'ab')", "abx"),
        ("rpad('x', 3, 'ab')", "xab"), ("ltrim('  x ')", "x "), ("trim('  x ')", "x"),
        ("replace('aba', 'a')", "b"), ("replace('aba', 'a', 'c')", "cbc"),
        ("reverse('abc')", "cba"), ("split('a,b,c', ',')", "[a, b, c]"),
        ("split_part('a,b,c', ',', 2)", "b"), ("split_part('a,b', ',', 5)", None),
        ("strpos('high', 'ig')", "2"), ("position('ig' IN 'high')", "2"),
        ("substr('hello', 2, 3)", "ell"), ("substr('hello', -3)", "llo"),
        ("substr('hello', 0)", ""), ("substring('hello', 2)", "ello"),
        ("starts_with('hello', 'he')", "true"), ("codepoint('A')", "65"), ("chr(65)", "A"),
        ("levenshtein_distance('kitten', 'sitting')", "3"),
        ("hamming_distance('abc', 'abd')", "1"), ("translate('abcd', 'ab', 'xy')", "xycd"),
        ("concat_ws(',', 'a', 'b')", "a,b"), ("'abc' LIKE 'a_c'", "true"), ("'A' = 'a'", "false"),
        ("array_join(ARRAY['a', NULL, 'b'], ',')", "a,b"),
    ],
    "functions/regexp": [
        ("regexp_like('1a 2b 14m', '\\d+b')", "true"),
        ("regexp_extract('1a 2b 14m', '\\d+')", "1"),
        ("regexp_extract('1a 2b 14m', '(\\d+)([a-z]+)', 2)", "a"),
        ("regexp_extract('abc', 'x')", None),
        ("regexp_extract_all('1a 2b 14m', '\\d+')", "[1, 2, 14]"),
        ("regexp_extract_all('1a 2b 14m', '(\\d+)([a-z]+)', 2)", "[a, b, m]"),
        ("regexp_replace('1a 2b 14m', '\\d+[ab] ')", "14m"),
        ("regexp_replace('1a 2b 14m', '(\\d+)([ab]) ', '3c$2 ')", "3ca 3cb 14m"),
        ("regexp_split('1a 2b 14m', '\\s*[a-z]+\\s*')", "[1, 2, 14, ]"),
        ("regexp_count('1a 2b 14m', '\\s*[a-z]+\\s*')", "3"),
    ],
    "functions/datetime": [
        ("date_add('day', 3, DATE '2020-02-27')", "2020-03-01"),
        ("date_add('month', 1, DATE '2020-01-31')", "2020-02-29"),
        ("date_add('hour', 9, TIMESTAMP '2020-03-01 00:00:00')", "2020-03-01 09:00:00.000"),
        (
            "date_diff('second', TIMESTAMP '2020-03-01 00:00:00', TIMESTAMP '2020-03-02 "
            "00:00:00')",
            "86400",
        ),
        (
            "date_diff('hour', TIMESTAMP '2020-03-01 00:30:00', TIMESTAMP '2020-03-01 01:15:00')",
            "0",
        ),
        ("date_diff('month', DATE '2020-01-31', DATE '2020-02-01')", "0"),
        ("date_diff('day', DATE '2020-03-01', DATE '2020-03-02')", "1"),
        ("date_trunc('month', DATE '2001-08-22')", "2001-08-01"),
        ("date_trunc('hour', TIMESTAMP '2001-08-22 03:04:05.321')", "2001-08-22 03:00:00.000"),
        ("date_trunc('week', TIMESTAMP '2001-08-22 03:04:05.321')", "2001-08-20 00:00:00.000"),
        (
            "date_format(TIMESTAMP '2020-01-02 15:04:05', '%Y-%m-%d %H:%i:%s')",
            "2020-01-02 15:04:05",
        ),
        ("date_parse('2020-01-02', '%Y-%m-%d')", "2020-01-02 00:00:00.000"),
        (
            "format_datetime(TIMESTAMP '2020-01-02 15:04:05', 'yyyy-MM-dd HH:mm')",
            "2020-01-02 15:04",
        ),
        ("day_of_week(DATE '2021-01-03')", "7"), ("day_of_year(DATE '2020-12-31')", "366"),
        ("week(DATE '2021-01-01')", "53"), ("year_of_week(DATE '2021-01-01')", "2020"),
        ("quarter(DATE '2020-05-01')", "2"), ("extract(day FROM DATE '2020-01-02')", "2"),
        ("hour(TIMESTAMP '2020-01-01 13:14:15')", "13"),
        ("millisecond(TIMESTAMP '2020-01-01 13:14:15.678')", "678"),
        ("from_unixtime(0)", "1970-01-01 00:00:00.000 UTC"),
        ("to_unixtime(TIMESTAMP '1970-01-02 00:00:00')", "86400.0"),
        ("DATE '2020-01-31' + INTERVAL '1' MONTH", "2020-02-29"),
        ("DATE '2020-03-01' - INTERVAL '1' DAY", "2020-02-29"),
        ("TIMESTAMP '2020-01-01 00:00:00' + INTERVAL '1' HOUR", "2020-01-01 01:00:00.000"),
        ("INTERVAL '2' DAY", "2 00:00:00.000"), ("date('2020-01-02')", "2020-01-02"),
        ("from_iso8601_date('2020-05-11')", "2020-05-11"),
        ("last_day_of_month(DATE '2020-02-03')", "2020-02-29"),
        ("to_iso8601(DATE '2020-05-11')", "2020-05-11"),
        ("DATE '2020-01-02' - DATE '2020-01-01'", "1 00:00:00.000"),
    ],
    "functions/array": [
        ("ARRAY[1, 2] || ARRAY[3]", "[1, 2, 3]"), ("cardinality(ARRAY[1, 2])", "2"),
        ("element_at(ARRAY[1, 2, 3], -1)", "3"), ("element_at(ARRAY[1], 5)", None),
        ("contains(ARRAY[1, 2], 2)", "true"), ("array_position(ARRAY[1, 2], 9)", "0"),
        ("array_distinct(ARRAY[1, 1])", "[1]"), ("array_max(ARRAY[1, 5, 2])", "5"),
        ("array_sort(ARRAY[3, NULL, 1])", "[1, 3, null]"),
        ("slice(ARRAY[1, 2, 3, 4], 2, 2)", "[2, 3]"),
        ("slice(ARRAY[1, 2, 3, 4], -2, 2)", "[3, 4]"), ("sequence(1, 4)", "[1, 2, 3, 4]"),
        ("sequence(4, 1, -1)", "[4, 3, 2, 1]"), ("repeat('x', 2)", "[x, x]"),
        ("flatten(ARRAY[ARRAY[1], ARRAY[2]])", "[1, 2]"),
        ("transform(ARRAY[1, 2], x -> x * 2)", "[2, 4]"),
        ("filter(ARRAY[1, 2, 3], x -> x > 1)", "[2, 3]"),
        ("reduce(ARRAY[5, 20, 50], 0, (s, x) -> s + x, s -> s)", "75"),
        ("reduce(ARRAY[1, 2], 10, (s, x) -> s + x, s -> s * 2)", "26"),
        ("any_match(ARRAY[1, 2], x -> x > 1)", "true"),
        ("all_match(ARRAY[1, 2], x -> x > 1)", "false"),
        ("none_match(ARRAY[1, 2], x -> x > 5)", "true"),
        ("zip_with(ARRAY[1, 2], ARRAY[10, 20], (x, y) -> x + y)", "[11, 22]"),
        ("array_remove(ARRAY[1, 2, 1], 1)", "[2]"), ("array_except(ARRAY[1, 2], ARRAY[2])", "[1]"),
        ("array_intersect(ARRAY[1, 2], ARRAY[2, 3])", "[2]"),
        ("arrays_overlap(ARRAY[1], ARRAY[1])", "true"),
    ],
    "functions/map": [
        ("MAP(ARRAY['a', 'b'], ARRAY[1, 2])", "{a=1, b=2}"),
        ("MAP(ARRAY['a'], ARRAY[1])['a']", "1"),
        ("element_at(MAP(ARRAY['a'], ARRAY[1]), 'b')", None),
        ("map_keys(MAP(ARRAY['a'], ARRAY[1]))", "[a]"),
        ("map_values(MAP(ARRAY['a'], ARRAY[1]))", "[1]"),
        ("cardinality(MAP(ARRAY['a'], ARRAY[1]))", "1"),
        ("CAST(ROW(1, 'a') AS ROW(x integer, y varchar)).y", "a"),
        ("CAST(ROW(1, 'a') AS ROW(x integer, y varchar))", "{x=1, y=a}"),
    ],
    "functions/json": [
        ("json_extract_scalar('{\"a\": {\"b\": 1}}', '$.a.b')", "1"),
        ("json_extract_scalar('{\"a\": {\"b\": 1}}', '$.a')", None),
        ("json_extract('{\"a\": [1, 2]}', '$.a')", "[1,2]"),
        ("json_array_length('[1, 2, 3]')", "3"),
        ("json_size('{\"x\": {\"a\": 1, \"b\": 2}}', '$.x')", "2"),
        ("CAST(json_parse('{\"a\": 1}') AS MAP(varchar, integer))", "{a=1}"),
        ("json_array_get('[\"a\", \"b\"]', 1)", "\"b\""),
    ],
    "functions/aggregate": [
        ("(SELECT avg(x) FROM (VALUES 1, 2) AS t(x))", "1.5"),
        ("(SELECT sum(x) FROM (VALUES 1, 2) AS t(x) WHERE x > 9)", None),
        ("(SELECT count(x) FROM (VALUES 1, NULL) AS t(x))", "1"),
        ("(SELECT count_if(x > 1) FROM (VALUES 1, 2) AS t(x))", "1"),
        ("(SELECT approx_distinct(x) FROM (VALUES 1, 2, 2) AS t(x))", "2"),
        ("(SELECT approx_percentile(x, 0.5) FROM (VALUES 1, 2, 3) AS t(x))", "2"),
        ("(SELECT max_by(n, x) FROM (VALUES ('a', 1), ('b', 2)) AS t(n, x))", "b"),
        ("(SELECT array_agg(x ORDER BY x DESC) FROM (VALUES 1, 2) AS t(x))", "[2, 1]"),
        ("(SELECT map_agg(k, v) FROM (VALUES ('a', 1)) AS t(k, v))", "{a=1}"),
        ("(SELECT histogram(x) FROM (VALUES 1, 1) AS t(x))", "{1=2}"),
        ("(SELECT every(x > 0) FROM (VALUES 1, 2) AS t(x))", "true"),
        ("(SELECT geometric_mean(x) FROM (VALUES 2, 8) AS t(x))", "4.0"),
        (
            "(SELECT listagg(x, ',') WITHIN GROUP (ORDER BY x) FROM (VALUES 'b', 'a') AS t(x))",
            "a,b",
        ),
        ("(SELECT sum(x) FILTER (WHERE x > 1) FROM (VALUES 1, 2) AS t(x))", "2"),
        ("(SELECT stddev(x) FROM (VALUES 1, 3) AS t(x))", "1.4142135623730951"),
    ],
    "sql/select": [
        (
            "(SELECT array_agg(x) FROM (SELECT x FROM (VALUES 1, NULL, 2) AS t(x) ORDER BY "
            "x) AS s)",
            "[1, 2, null]",
        ),
        (
            "(SELECT array_agg(x) FROM (SELECT x FROM (VALUES 1, NULL, 2) AS t(x) ORDER BY x "
            "DESC) AS s)",
            "[2, 1, null]",
        ),
        ("(SELECT sum(n) FROM UNNEST(ARRAY[1, 2]) AS t(n))", "3"),
        (
            "(SELECT v FROM (SELECT MAP(ARRAY['a'], ARRAY[7]) AS m) AS s CROSS JOIN "
            "UNNEST(m) AS u(k, v))",
            "7",
        ),
        ("(SELECT max(i) FROM UNNEST(ARRAY['a', 'b']) WITH ORDINALITY AS t(x, i))", "2"),
        ("(SELECT count(*) FROM (SELECT 1 UNION SELECT 1) AS t(x))", "1"),
        ("(SELECT count(*) FROM (SELECT 1 AS x EXCEPT SELECT 1) AS t)", "0"),
        (
            "(SELECT lag(x) OVER (ORDER BY x) FROM (VALUES 1, 2) AS t(x) ORDER BY x DESC "
            "LIMIT 1)",
            "1",
        ),
        ("(SELECT count(*) FROM (VALUES 1, 2) AS t(x) TABLESAMPLE BERNOULLI (100))", "2"),
        ("IF(1 > 2, 'a')", None), ("COALESCE(NULL, 2)", "2"), ("NULLIF(1, 1)", None),
        ("NULL IS NOT DISTINCT FROM NULL", "true"), ("1 BETWEEN 1 AND 2", "true"),
    ],
    "functions/binary": [
        ("to_hex(to_utf8('abc'))", "616263"), ("from_utf8(from_hex('616263'))", "abc"),
        ("to_hex(md5(to_utf8('a')))", "0CC175B9C0F1B6A831C399E269772661"),
        ("to_base64(to_utf8('abc'))", "YWJj"), ("X'00ff'", "00 ff"),
    ],
    "functions/url": [
        ("url_extract_host('https://trino.io:80/docs?x=1#y')", "trino.io"),
        ("url_extract_path('https://trino.io:80/docs?x=1#y')", "/docs"),
        ("url_extract_port('https://trino.io:80/docs')", "80"),
        ("url_extract_query('https://trino.io/docs?x=1#y')", "x=1"),
        ("url_decode('a%20b')", "a b"),
    ],
    "language/types": [
        ("1e7", "1.0E7"), ("1e-4", "1.0E-4"), ("123456.789e0", "123456.789"), ("1.50", "1.50"),
        ("REAL '0.1'", "0.1"), ("TIME '10:11:12'", "10:11:12.000"), ("NULL", None),
        ("true", "true"), ("nan()", "NaN"), ("-infinity()", "-Infinity"),
    ],
}  # fmt: skip

DIFFER: dict[str, list[tuple[str, str | None, str | None, str]]] = {
    "functions/array": [
        ("ARRAY[1][2]", FAILS, None, "an index out of bounds is NULL, not an error"),
    ],
    "functions/map": [
        ("MAP(ARRAY['a'], ARRAY[1])['b']", FAILS, None, "a missing key is NULL, not an error"),
    ],
    "functions/conversion": [
        ("CAST('2.5' AS integer)", FAILS, "3", "text is rounded on its way to a whole number"),
        (
            "CAST(1e10 AS varchar)",
            "1.0E10",
            "10000000000.0",
            "a double that is cast to text is written in full; in a result it is written as "
            "Athena does",
        ),
        ("'a' || 1", FAILS, "a1", "types are converted where Trino refuses"),
        ("1 = '1'", FAILS, "true", "types are converted where Trino refuses"),
    ],
    "functions/decimal": [
        (
            "CAST(1 AS decimal(10, 2)) / 3",
            "0.33",
            "0.3333333333333333",
            "a quotient of decimals is a double",
        ),
    ],
    "functions/math": [
        (
            "cbrt(27e0)",
            "3.0",
            "3.0000000000000004",
            "the last digit of some roots and logarithms",
        ),
    ],
    "functions/string": [
        ("soundex('a')", "A000", FAILS, "functions that are not there are refused by name"),
    ],
}  # fmt: skip
