//! As a page: the picture, and a table of the same.  It has no script, and asks for nothing from elsewhere.

use super::parts::{Timeline, kind, plain};
use super::svg;
use commands::boot::said::{headline, time};
use quick_xml::escape::escape;

const STYLE: &str = include_str!("page.css");

/// The page.
pub(super) fn print(timeline: &Timeline<'_>) -> String {
    let title = plain(&headline(&timeline.start));
    let moment = |at: Option<u64>| at.map(|at| plain(&time(at))).unwrap_or_default();
    let mut rows = String::new();
    for line in timeline.lines() {
        let part = line.part;
        let needs = part.needs.iter().filter_map(|at| timeline.start.part(*at));
        let needs: Vec<&str> = needs.map(|need| need.name.as_str()).collect();
        let took = part.began.map(|_| part.took);
        let mark = line.mark().map(String::from).unwrap_or_default();
        let (needs, began) = (needs.join(", "), moment(part.began));
        let (took, over) = (moment(took), moment(part.over));
        let cells = [mark.as_str(), &part.name, kind(part.sort), &needs, &began, &over, &took, &line.words];
        let cells: String = cells.iter().map(|cell| format!("<td>{}</td>", escape(*cell))).collect();
        rows.push_str(&format!("<tr>{cells}</tr>\n"));
    }
    let heads = ["", "part", "kind", "after", "began", "over", "took", ""];
    let heads: String = heads.iter().map(|head| format!("<th>{head}</th>")).collect();
    let style = STYLE.trim();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n<style>{style}</style>\n</head>\n<body>\n\
         <div class=\"picture\">\n{}</div>\n<table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n\
         </body>\n</html>\n",
        escape(&title),
        svg::print(timeline),
    )
}
