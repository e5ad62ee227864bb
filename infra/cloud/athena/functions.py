"""Trino's functions where DuckDB's differ, as macros, and which others a query may name.

Limit: scalar and aggregate functions whose meaning a macro can hold; the rest is `dialect`'s work.
"""

from __future__ import annotations

# Trino's name -> DuckDB's macro: parameters and body. Called as t_NAME.
MACROS: dict[str, tuple[str, str]] = {
    "nonzero": ("b", "CASE WHEN b = 0 THEN error('DIVISION_BY_ZERO: Division by zero') ELSE b END"),
    "date_diff": ("u, a, b", "date_sub(u, a, b)"),
    "regexp_extract": ("a, p, g := 0",
                       "CASE WHEN regexp_matches(a, p) THEN regexp_extract(a, p, g) END"),
    "split_part": ("a, d, n",
                   "CASE WHEN n <= len(str_split(a, d)) THEN split_part(a, d, n) END"),
    "substr": ("s, i, n := NULL", "CASE WHEN i = 0 THEN '' WHEN n IS NULL THEN substr(s, i) "
               "WHEN n <= 0 THEN '' ELSE substr(s, i, n) END"),
    "array_position": ("a, x", "coalesce(list_position(a, x), 0)"),
    "slice": ("a, s, n", "array_slice(a, CASE WHEN s < 0 THEN len(a) + s + 1 ELSE s END, "
              "CASE WHEN s < 0 THEN len(a) + s ELSE s - 1 END + n)"),
    "array_union": ("a, b", "list_distinct(list_concat(a, b))"),
    "array_remove": ("a, x", "list_filter(a, lambda e: e <> x)"),
    "arrays_overlap": ("a, b", "list_has_any(a, b)"),
    "array_average": ("a", "list_avg(a)"),
    "array_sum": ("a", "coalesce(list_sum(a), 0)"),
    "zip": ("a, b", "list_zip(a, b)"),
    "ngrams": ("a, n", "list_transform(range(1, len(a) - n + 2), lambda i: a[i:i + n - 1])"),
    "repeat": ("x, n", "list_transform(range(n), lambda i: x)"),
    "map_agg": ("k, v", "map(list(k), list(v))"),
    "map_concat": ("a, b", "map_concat(a, b)"),
    "map_entries": ("m", "map_entries(m)"),
    "multimap_agg": ("k, v", "map(list(k), list([v]))"),
    "every": ("x", "bool_and(x)"),
    "geometric_mean": ("x", "geomean(x)"),
    "codepoint": ("s", "unicode(s)"),
    "hamming_distance": ("a, b", "hamming(a, b)"),
    "url_extract_protocol": (
        "u", "nullif(regexp_extract(u, '^([A-Za-z][A-Za-z0-9+.-]*):', 1), '')"),
    "url_extract_host": (
        "u", "nullif(regexp_extract(u, '^[^:/?#]+://(?:[^/?#@]*@)?([^/?#:]*)', 1), '')"),
    "url_extract_port": (
        "u", "try_cast(regexp_extract(u, '^[^:/?#]+://[^/?#]*:([0-9]+)', 1) AS BIGINT)"),
    "url_extract_path": ("u", "regexp_extract(u, '^[^:/?#]+://[^/?#]*([^?#]*)', 1)"),
    "url_extract_query": ("u", "nullif(regexp_extract(u, '[?]([^#]*)', 1), '')"),
    "url_decode": ("u", "url_decode(replace(u, '+', ' '))"),
    "url_encode": ("u", "url_encode(u)"),
    "infinity": ("", "'infinity'::DOUBLE"),
    "nan": ("", "'nan'::DOUBLE"),
    "e": ("", "exp(1::DOUBLE)"),
    "is_finite": ("x", "isfinite(x)"),
    "is_infinite": ("x", "isinf(x)"),
    "sign": ("x", "sign(x)"),
    "cbrt": ("x", "cbrt(x)"),
    "degrees": ("x", "degrees(x)"),
    "radians": ("x", "radians(x)"),
    "to_base": ("x, b", "lower(to_base(x, b))"),
    "last_day_of_month": ("d", "last_day(d)"),
    "millisecond": ("t", "millisecond(t) % 1000"),
    "day_of_month": ("d", "day(d)"),
    "year_of_week": ("d", "isoyear(d)"),
    "yow": ("d", "isoyear(d)"),
    "dow": ("d", "isodow(d)"),
    "doy": ("d", "dayofyear(d)"),
    "at_timezone": ("t, z", "timezone(z, t)"),
    "to_iso8601": ("t", "CASE WHEN typeof(t) = 'DATE' THEN strftime(t, '%Y-%m-%d') "
                   "ELSE strftime(t, '%Y-%m-%dT%H:%M:%S.%g') END"),
    "json_array_get": ("j, i", "json_extract(j, '$[' || i || ']')"),
    "json_size": ("j, p", "CASE json_type(j, p) WHEN 'ARRAY' THEN json_array_length(j, p) "
                  "WHEN 'OBJECT' THEN len(json_keys(j, p)) ELSE 0 END"),
    "json_extract_scalar": ("j, p", "CASE WHEN json_type(j, p) IN ('OBJECT', 'ARRAY', 'NULL') "
                            "THEN NULL ELSE json_extract_string(j, p) END"),
    "to_utf8": ("s", "encode(s)"),
    "from_utf8": ("b", "decode(b)"),
    "to_hex": ("b", "hex(b)"),
    "from_hex": ("s", "unhex(s)"),
    "md5": ("b", "unhex(md5(b))"),
    "sha1": ("b", "unhex(sha1(b))"),
    "sha256": ("b", "unhex(sha256(b))"),
    "to_base64": ("b", "to_base64(b)"),
    "from_base64": ("s", "from_base64(s)"),
    "typeof": ("x", "CASE typeof(x) WHEN 'HUGEINT' THEN 'bigint' WHEN 'FLOAT' THEN 'real' "
               "WHEN 'BLOB' THEN 'varbinary' ELSE lower(typeof(x)) END"),
    "bit_count": ("x, n", "bit_count(x)"),
    "cosine_similarity": ("a, b", "list_cosine_similarity(a, b)"),
    "kurtosis": ("x", "kurtosis(x)"),
    "skewness": ("x", "skewness(x)"),
    "entropy": ("x", "entropy(x)"),
    "regr_slope": ("y, x", "regr_slope(y, x)"),
    "regr_intercept": ("y, x", "regr_intercept(y, x)"),
}  # fmt: skip


def definitions() -> list[str]:
    """Return the statements that make the macros."""
    return [
        f"CREATE MACRO t_{name}({parameters}) AS ({body})"
        for name, (parameters, body) in MACROS.items()
    ]
