//! A strict reader of OpenMetrics text: what Prometheus would refuse is an error here.

use std::collections::BTreeSet;

/// A sample: its name, its labels and its value.
pub type Sample = (String, Vec<(String, String)>, f64);

/// A family that is being read.
#[derive(Default)]
struct Family {
    name: String,
    kind: String,
    has_help: bool,
    has_unit: bool,
    has_samples: bool,
}

/// The samples of a document.
///
/// # Errors
/// The line that isn't of the format, and why.
pub fn read(text: &str) -> Result<Vec<Sample>, String> {
    let Some(body) = text.strip_suffix("# EOF\n") else { return Err("it doesn't end with # EOF".into()) };
    let (mut family, mut families) = (Family::default(), BTreeSet::new());
    let (mut series, mut samples) = (BTreeSet::new(), Vec::new());
    for line in body.split_terminator('\n') {
        let wrong = |why: &str| format!("{line}: {why}");
        match line.strip_prefix("# ") {
            Some(rest) => comment(rest, &mut family, &mut families).map_err(wrong)?,
            None => {
                let sample = sample(line).ok_or_else(|| wrong("it is no sample"))?;
                let ending = match family.kind.as_str() {
                    "counter" => "_total",
                    "info" => "_info",
                    "gauge" => "",
                    _ => return Err(wrong("it is of no family")),
                };
                family.has_samples = true;
                if sample.0 != format!("{}{ending}", family.name) {
                    return Err(wrong("its name isn't that of its family"));
                }
                if family.kind == "info" && sample.2 != 1.0 || family.kind == "counter" && sample.2 < 0.0 {
                    return Err(wrong("such a value can't be"));
                }
                if !series.insert((sample.0.clone(), sample.1.clone())) {
                    return Err(wrong("it is there twice"));
                }
                samples.push(sample);
            }
        }
    }
    Ok(samples)
}

/// A line that describes a family: its type, then its unit, then its help.
fn comment(line: &str, family: &mut Family, families: &mut BTreeSet<String>) -> Result<(), &'static str> {
    let mut words = line.splitn(3, ' ');
    let (Some(what), Some(name), Some(rest)) = (words.next(), words.next(), words.next()) else {
        return Err("a word is missing");
    };
    if what == "TYPE" {
        if !is_name(name) || !families.insert(name.to_owned()) {
            return Err("this is no name, or one that was there already");
        }
        *family = Family { name: name.to_owned(), kind: rest.to_owned(), ..Family::default() };
        return Ok(());
    }
    if name != family.name || family.has_samples || family.has_help {
        return Err("this is too late, or of another family");
    }
    match what {
        "UNIT" if !family.has_unit && name.ends_with(&format!("_{rest}")) => family.has_unit = true,
        "HELP" if !rest.contains('\\') => family.has_help = true,
        _ => return Err("this is unknown"),
    }
    Ok(())
}

fn is_name(name: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(is_part)
}

fn sample(line: &str) -> Option<Sample> {
    let (name, mut rest) = line.split_at(line.find(['{', ' '])?);
    let mut labels = Vec::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        while !rest.starts_with('}') {
            if !labels.is_empty() {
                rest = rest.strip_prefix(',')?;
            }
            let (label, quoted) = rest.split_once("=\"")?;
            let (value, after) = quoted_text(quoted)?;
            if !is_name(label) || labels.iter().any(|(other, _)| other == label) {
                return None;
            }
            labels.push((label.to_owned(), value));
            rest = after;
        }
        rest = rest.strip_prefix('}')?;
    }
    let value = rest.strip_prefix(' ')?;
    let is_number = value.chars().all(|c| c.is_ascii_digit() || c == '.');
    Some((name.to_owned(), labels, value.parse().ok().filter(|_| is_number && is_name(name))?))
}

/// What is before the closing quote, and what is behind it.
fn quoted_text(text: &str) -> Option<(String, &str)> {
    let (mut value, mut chars) = (String::new(), text.chars());
    loop {
        match chars.next()? {
            '"' => return Some((value, chars.as_str())),
            '\\' => match chars.next()? {
                'n' => value.push('\n'),
                c @ ('\\' | '"') => value.push(c),
                _ => return None,
            },
            '\n' => return None,
            c => value.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_prometheus_would_refuse_is_refused() {
        let good = "# TYPE a_bytes gauge\n# UNIT a_bytes bytes\n# HELP a_bytes What it is.\na_bytes{b=\"c\\\\\\\"d\"} 1.5\n\
                    # TYPE e counter\ne_total 1\n# TYPE f info\nf_info{} 1\n# EOF\n";
        let samples = read(good).unwrap();
        assert_eq!(samples[0], ("a_bytes".into(), vec![("b".into(), "c\\\"d".into())], 1.5));
        assert_eq!(samples.len(), 3);
        for (from, to) in [
            ("# EOF\n", ""),
            ("# EOF\n", "# EOF\n\n"),
            ("e_total", "e"),
            ("f_info{} 1", "f_info{} 2"),
            ("e_total 1", "e_total -1"),
            ("e_total 1", "e_total 1\ne_total 2"),
            ("a_bytes bytes", "a_bytes seconds"),
            ("\\\\\\\"d", "\\x"),
            ("c\\\\\\\"d", "c\"d"),
            (" 1.5", "  1.5"),
            (" 1.5", " x"),
            ("TYPE e", "TYPE a_bytes"),
            ("# TYPE e counter\n", ""),
            ("# HELP a_bytes", "# HELP b"),
        ] {
            let bad = good.replacen(from, to, 1);
            assert!(bad != good && read(&bad).is_err(), "{bad}");
        }
    }
}
