//! As a picture.

use crate::graph::{Graph, Look, Node};
use crate::layout::layout;
use crate::layout::plan::{self, Edge, Layout, Line, Plan};
use crate::svg::{LETTER, Rows, SMALL_LETTER, Svg, columns, fit};
use std::collections::BTreeSet;

/// More services than this can't be told apart in a picture.
const SERVICES_MAX: usize = 500;
/// More lines than this can't be told apart, either.
const EDGES_MAX: usize = 5000;
/// More boxes than this aren't drawn.
const BOXES_MAX: usize = 40;
/// Columns of a name.
const NAME: usize = 32;
/// The height of a node, without and with a state.
const HEIGHTS: [i32; 2] = [34, 48];
/// The narrowest picture.
const WIDTH: i32 = 460;
/// Around everything.
const MARGIN: i32 = 24;
/// A line of text.
const LINE: i32 = 22;
/// How many lines of text there are at most about bundles that have no box.
const LINES_MAX: usize = 12;

const STYLE: &str = include_str!("graph.css");

/// What kinds of edges there are.
const NEEDS: u8 = 0;
const FEEDS: u8 = 1;
const WANTS: u8 = 2;

/// The picture of a graph.
///
/// # Errors
/// There is too much of it.
pub(super) fn print(graph: &Graph) -> Result<String, String> {
    let edges: usize = graph.nodes.iter().map(|node| node.needs.len() + node.wants.len()).sum();
    for (count, most, what) in
        [(graph.nodes.len(), SERVICES_MAX, "services"), (edges, EDGES_MAX, "edges between services")]
    {
        if count > most {
            return Err(format!(
                "{count} {what} are too many for a picture (at most {most}): give names with --of, and --depth"
            ));
        }
    }
    Ok(Drawing::new(graph).draw())
}

/// A box: the bundle's name, and what is in it.
struct Frame<'a> {
    name: &'a str,
    contents: &'a BTreeSet<usize>,
    parent: Option<usize>,
}

/// Chooses the bundles that have boxes, the bigger ones first: a box lies in another one, or beside it.
fn frames(graph: &Graph) -> (Vec<Frame<'_>>, Vec<(&str, &BTreeSet<usize>)>) {
    let mut bundles: Vec<(&str, &BTreeSet<usize>)> =
        graph.shown_bundles().map(|(name, contents)| (name.as_str(), contents)).collect();
    bundles.sort_by_key(|(name, contents)| (usize::MAX - contents.len(), *name));
    let (mut frames, mut others): (Vec<Frame<'_>>, Vec<_>) = (Vec::new(), Vec::new());
    for (name, contents) in bundles {
        let lies_well =
            |frame: &Frame<'_>| contents.is_subset(frame.contents) || contents.is_disjoint(frame.contents);
        if frames.len() < BOXES_MAX && frames.iter().all(lies_well) {
            let parent = frames.iter().rposition(|frame| contents.is_subset(frame.contents));
            frames.push(Frame { name, contents, parent });
        } else {
            others.push((name, contents));
        }
    }
    (frames, others)
}

struct Drawing<'a> {
    graph: &'a Graph,
    frames: Vec<Frame<'a>>,
    /// Bundles without a box.
    others: Vec<(&'a str, &'a BTreeSet<usize>)>,
    plan: Plan,
    layout: Layout,
}

fn name(node: &Node) -> std::borrow::Cow<'_, str> {
    fit(&node.name, NAME)
}

/// What a node's text takes.
fn width(node: &Node) -> i32 {
    let state = node.state.as_ref().map_or(0, |state| SMALL_LETTER * columns(state.word));
    let text = (LETTER * columns(&name(node))).max(state);
    // Within an ellipse, the text's corners are nearest to the line.
    let own = if node.is_longrun { text + 24 } else { text + text / 8 + 30 };
    (own + own % 2).max(64)
}

impl<'a> Drawing<'a> {
    fn new(graph: &'a Graph) -> Self {
        let (frames, others) = frames(graph);
        let group_of = |at: &usize| frames.iter().rposition(|frame| frame.contents.contains(at));
        let nodes = graph.nodes.iter().enumerate();
        let is_live = graph.nodes.iter().any(|node| node.state.is_some());
        let edges = graph.nodes.iter().enumerate().flat_map(|(from, node)| {
            let kind = move |to: usize| match node.consumer {
                Some(consumer) if consumer == to => FEEDS,
                _ if node.needs.contains(&to) => NEEDS,
                _ => WANTS,
            };
            let to: BTreeSet<usize> = node.edges().copied().chain(node.consumer).collect();
            to.into_iter().map(move |to| Edge { from, to, kind: kind(to) })
        });
        let groups = frames.iter().map(|frame| plan::Group {
            parent: frame.parent,
            label: LETTER * columns(&fit(frame.name, NAME)),
        });
        let plan = Plan {
            nodes: nodes.map(|(at, node)| plan::Node { width: width(node), group: group_of(&at) }).collect(),
            height: HEIGHTS[usize::from(is_live)],
            groups: groups.collect(),
            edges: edges.collect(),
        };
        let layout = layout(&plan);
        Self { graph, frames, others, plan, layout }
    }

    fn draw(&self) -> String {
        let width = self.layout.size.x.max(WIDTH);
        let legend = self.legend(width);
        let notes = self.notes(width);
        let below = legend.iter().map(|(_, y, ..)| y + LINE).max().unwrap_or_default();
        let height = self.layout.size.y + below + LINE * i32::try_from(notes.len()).unwrap_or_default() + 8;
        let mut svg = Svg::new((width, height), "services, and what they need", STYLE);
        self.define(&mut svg);
        svg.rect("ground", (0, 0), (width, height), 0);
        let shift = (width - self.layout.size.x) / 2;
        svg.open(
            "g",
            &[("transform", &if shift > 0 { format!("translate({shift} 0)") } else { String::new() })],
        );
        self.boxes(&mut svg);
        self.layout.lines.iter().for_each(|line| self.line(&mut svg, line));
        (0..self.graph.nodes.len()).for_each(|at| self.node(&mut svg, at));
        self.labels(&mut svg);
        svg.close();
        if self.graph.nodes.is_empty() {
            svg.label("small", (MARGIN, MARGIN + 12), "no services");
        }
        for (x, y, sign, text) in &legend {
            sign.draw(&mut svg, *x, self.layout.size.y + y);
            svg.label("small", (x + Sign::WIDTH, self.layout.size.y + y + 4), text);
        }
        let mut y = self.layout.size.y + below + 4;
        for note in &notes {
            svg.label("small", (MARGIN, y), note);
            y += LINE;
        }
        svg.finish()
    }

    /// Heads of arrows, and what lies under states.
    fn define(&self, svg: &mut Svg) {
        svg.open("defs", &[]);
        for (id, class, size) in [("needs", "head", "8"), ("feeds", "head feeds-head", "11")] {
            let about =
                [("id", id), ("viewBox", "0 0 8 8"), ("refX", "7"), ("refY", "4"), ("orient", "auto")];
            let size = [("markerUnits", "userSpaceOnUse"), ("markerWidth", size), ("markerHeight", size)];
            svg.open("marker", &[&about[..], &size].concat());
            svg.path(class, "M0 0L8 4L0 8Z");
            svg.close();
        }
        for (look, path) in
            [(Look::Bad, "M-2 2L2 -2M0 8L8 0M6 10L10 6"), (Look::Moving, "M1 4h2M5 8h2M5 0h2")]
        {
            if self.graph.nodes.iter().any(|node| node.state.as_ref().is_some_and(|s| s.look == look)) {
                let size = [("width", "8"), ("height", "8"), ("patternUnits", "userSpaceOnUse")];
                svg.open("pattern", &[&[("id", pattern(look))], &size[..]].concat());
                svg.path(pattern(look), path);
                svg.close();
            }
        }
        svg.close();
    }

    fn boxes(&self, svg: &mut Svg) {
        for (frame, rect) in self.frames.iter().zip(&self.layout.groups) {
            svg.open("g", &[]);
            svg.title(&format!("bundle {}", frame.name));
            svg.rect("bundle", (rect.at.x, rect.at.y), (rect.size.x, rect.size.y), 12);
            svg.close();
        }
    }

    /// The names of boxes, over the edges.
    fn labels(&self, svg: &mut Svg) {
        for (frame, rect) in self.frames.iter().zip(&self.layout.groups) {
            svg.name("name label", (rect.at.x + 16, rect.at.y + 17), &fit(frame.name, NAME));
        }
    }

    fn line(&self, svg: &mut Svg, line: &Line) {
        let (mut from, mut to) = (line.from, line.to);
        let round = |end: Option<(usize, i32)>| end.map_or(0, |(at, x)| self.curve(at, x));
        from.y -= round(line.start);
        to.y += round(line.end);
        let middle = (from.y + to.y) / 2;
        let on = if line.on > 0 { format!("v{}", line.on) } else { String::new() };
        let path =
            format!("M{} {}C{} {middle} {} {middle} {} {}{on}", from.x, from.y, from.x, to.x, to.x, to.y);
        let of = line.edges.first().and_then(|at| self.plan.edges.get(*at));
        let class = match (of.map_or(NEEDS, |edge| edge.kind), line.end.is_some()) {
            (FEEDS, true) => "edge feeds feeds-end",
            (FEEDS, false) => "edge feeds",
            (WANTS, true) => "edge wants end",
            (WANTS, false) => "edge wants",
            (_, true) => "edge end",
            (_, false) => "edge",
        };
        svg.open("g", &[]);
        svg.title(&self.said(line));
        svg.path(class, &path);
        svg.close();
    }

    /// What an edge says.
    fn said(&self, line: &Line) -> String {
        let edges = || line.edges.iter().filter_map(|at| self.plan.edges.get(*at));
        let name = |at: usize| self.graph.nodes.get(at).map(|node| node.name.as_str()).unwrap_or_default();
        let from: Vec<&str> = edges().map(|edge| name(edge.from)).collect();
        let to = edges().next();
        let verb = match (to.map_or(NEEDS, |edge| edge.kind), from.len()) {
            (FEEDS, _) => "writes to",
            (WANTS, 1) => "wants",
            (WANTS, _) => "want",
            (_, 1) => "needs",
            (_, _) => "need",
        };
        format!("{} {verb} {}", from.join(", "), to.map(|edge| name(edge.to)).unwrap_or_default())
    }

    /// How far inside a rectangle an ellipse's line is, so far from its middle.
    fn curve(&self, at: usize, x: i32) -> i32 {
        let (Some(node), Some(place)) = (self.graph.nodes.get(at), self.plan.nodes.get(at)) else { return 0 };
        if node.is_longrun {
            return 0;
        }
        let (a, b) = (f64::from(place.width) / 2.0, f64::from(self.plan.height) / 2.0);
        (b - b * (1.0 - (f64::from(x) / a).powi(2)).max(0.0).sqrt()).round() as i32
    }

    fn node(&self, svg: &mut Svg, at: usize) {
        let (Some(node), Some(place), Some(plan)) =
            (self.graph.nodes.get(at), self.layout.nodes.get(at), self.plan.nodes.get(at))
        else {
            return;
        };
        let (half, height) = (plan.width / 2, self.plan.height);
        let kind = if node.is_longrun { "longrun" } else { "oneshot" };
        let mut about = format!("{} ({kind})", node.name);
        let names = |list: &mut dyn Iterator<Item = usize>| -> Vec<&str> {
            list.filter_map(|at| Some(self.graph.nodes.get(at)?.name.as_str())).collect()
        };
        let needs = names(&mut node.needs.iter().copied());
        if !needs.is_empty() {
            about.push_str(&format!("\nneeds {}", needs.join(", ")));
        }
        let wants = names(&mut node.wants.iter().copied());
        if !wants.is_empty() {
            about.push_str(&format!("\nwants {}", wants.join(", ")));
        }
        let bundles: Vec<&str> = self
            .graph
            .shown_bundles()
            .filter_map(|(name, contents)| contents.contains(&at).then_some(name.as_str()))
            .collect();
        if !bundles.is_empty() {
            about.push_str(&format!("\nin {}", bundles.join(", ")));
        }
        if let Some(state) = &node.state {
            about.push_str(&format!("\n{}", state.word));
        }
        svg.open("g", &[]);
        svg.title(&about);
        let classes = match &node.state {
            None => vec![format!("node {kind}")],
            Some(state) => {
                vec![format!("node {}", state.look.class()), format!("over {}-over", state.look.class())]
            }
        };
        for class in classes.iter().filter(|class| {
            node.state.is_none() || !class.starts_with("over good") && !class.starts_with("over down")
        }) {
            shape(svg, class, node.is_longrun, (place.x, place.y), (half, height / 2));
        }
        let text = name(node);
        let x = place.x - LETTER * columns(&text) / 2;
        svg.name("name", (x, place.y + if node.state.is_some() { -2 } else { 5 }), &text);
        if let Some(state) = &node.state {
            svg.label("middle", (place.x, place.y + 15), state.word);
        }
        svg.close();
    }

    /// The signs that are in the picture, with their places and what they mean.
    fn legend(&self, width: i32) -> Vec<(i32, i32, Sign, &'static str)> {
        let nodes = &self.graph.nodes;
        let has = |look: Look| nodes.iter().any(|node| node.state.as_ref().is_some_and(|s| s.look == look));
        let has_kind = |is_longrun| nodes.iter().any(|node| node.is_longrun == is_longrun);
        let is_live = nodes.iter().any(|node| node.state.is_some());
        let all = [
            (has_kind(true), Sign::Kind { is_longrun: true, is_live }, "longrun"),
            (has_kind(false), Sign::Kind { is_longrun: false, is_live }, "oneshot"),
            (self.plan.edges.iter().any(|edge| edge.kind == NEEDS), Sign::Needs, "needs"),
            (
                self.plan.edges.iter().any(|edge| edge.kind == WANTS),
                Sign::Wants,
                "starts after, if that starts",
            ),
            (self.plan.edges.iter().any(|edge| edge.kind == FEEDS), Sign::Feeds, "writes to (a pipeline)"),
            (!self.frames.is_empty(), Sign::Bundle, "bundle"),
            (has(Look::Good), Sign::State(Look::Good), "as it should be"),
            (has(Look::Moving), Sign::State(Look::Moving), "on its way"),
            (has(Look::Down), Sign::State(Look::Down), "down"),
            (has(Look::Bad), Sign::State(Look::Bad), "needs somebody"),
        ];
        let mut rows = Rows { at: (MARGIN, 12), left: MARGIN, right: width, height: LINE };
        let signs = all.into_iter().filter(|(is_there, ..)| *is_there);
        signs
            .map(|(_, sign, text)| {
                let (x, y) = rows.place(Sign::WIDTH + SMALL_LETTER * columns(text) + 20, 0);
                (x, y, sign, text)
            })
            .collect()
    }

    /// The bundles that have no box.
    fn notes(&self, width: i32) -> Vec<String> {
        let most = usize::try_from((width - 2 * MARGIN) / SMALL_LETTER).unwrap_or_default();
        let mut lines: Vec<String> = Vec::new();
        for (name, contents) in &self.others {
            let mut line = format!("bundle {}:", fit(name, NAME));
            let mut rest = contents.len();
            for node in contents.iter().filter_map(|at| self.graph.nodes.get(*at)) {
                let next = format!(" {}", fit(&node.name, NAME));
                if columns(&line) + columns(&next) + 12 > i32::try_from(most).unwrap_or(i32::MAX) {
                    break;
                }
                line.push_str(&next);
                rest -= 1;
            }
            if rest > 0 {
                line.push_str(&format!(" and {rest} more"));
            }
            lines.push(line);
        }
        if lines.len() > LINES_MAX {
            let more = lines.split_off(LINES_MAX - 1).len();
            lines.push(format!("and {more} more bundles"));
        }
        lines
    }
}

/// The shape of a node.
fn shape(svg: &mut Svg, class: &str, is_longrun: bool, (x, y): (i32, i32), (a, b): (i32, i32)) {
    if is_longrun {
        return svg.rect(class, (x - a, y - b), (2 * a, 2 * b), 3);
    }
    let [x, y, a, b] = [x, y, a, b].map(|number| number.to_string());
    svg.element("ellipse", &[("class", class), ("cx", &x), ("cy", &y), ("rx", &a), ("ry", &b)]);
}

/// The pattern over a state.
fn pattern(look: Look) -> &'static str {
    match look {
        Look::Bad => "hatch",
        _ => "dots",
    }
}

/// What the legend explains.
#[derive(Debug, Clone, Copy)]
enum Sign {
    Kind { is_longrun: bool, is_live: bool },
    Needs,
    Wants,
    Feeds,
    Bundle,
    State(Look),
}

impl Sign {
    /// What a sign takes, with the room after it.
    const WIDTH: i32 = 36;

    fn draw(self, svg: &mut Svg, x: i32, y: i32) {
        let (middle, half) = ((x + 14, y), (14, 8));
        match self {
            Self::Kind { is_longrun, is_live } => {
                let class = match (is_live, is_longrun) {
                    (true, _) => "node",
                    (false, true) => "node longrun",
                    (false, false) => "node oneshot",
                };
                shape(svg, class, is_longrun, middle, half);
            }
            Self::Needs => svg.path("edge end", &format!("M{x} {y}h28")),
            Self::Wants => svg.path("edge wants end", &format!("M{x} {y}h28")),
            Self::Feeds => svg.path("edge feeds feeds-end", &format!("M{x} {y}h28")),
            Self::Bundle => svg.rect("bundle", (x, y - 8), (28, 16), 6),
            Self::State(look) => {
                shape(svg, &format!("node {}", look.class()), true, middle, half);
                if matches!(look, Look::Bad | Look::Moving) {
                    shape(svg, &format!("over {}-over", look.class()), true, middle, half);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Selection, State};
    use s6_rc::database::{Body, Bundle, Database, Service};

    /// What twelve services need, by their names; every third one is a oneshot.
    fn database(order: &[usize; 12]) -> Database {
        let needs: [&[usize]; 12] =
            [&[1, 2], &[3], &[3, 4], &[5], &[5, 6], &[], &[], &[6], &[7, 2], &[], &[11], &[]];
        let place = |name: usize| u32::try_from(order.iter().position(|at| *at == name).unwrap()).unwrap();
        let sorted = |mut list: Vec<u32>| {
            list.sort_unstable();
            list
        };
        let service = |name: &usize| Service {
            name: format!("s{name:02}").into_bytes(),
            dependencies: sorted(needs[*name].iter().map(|need| place(*need)).collect()),
            dependents: sorted((0..12).filter(|at| needs[*at].contains(name)).map(place).collect()),
            body: match name % 3 {
                0 => Body::Oneshot { up: Vec::new(), down: Vec::new(), reload: Vec::new() },
                _ => Body::Longrun { consumer: None, producers: Vec::new() },
            },
            ..Service::default()
        };
        let bundle = |name: &str, contents: &[usize]| Bundle {
            name: name.into(),
            contents: sorted(contents.iter().map(|at| place(*at)).collect()),
        };
        let bundles = vec![
            bundle("all", &[0, 1, 2, 3, 4, 5, 7, 8]),
            bundle("inner", &[1, 4]),
            bundle("other", &[10, 11]),
            bundle("across", &[4, 6, 10]),
        ];
        Database::new(order.iter().map(service).collect(), bundles).unwrap()
    }

    fn drawn(order: &[usize; 12]) -> String {
        print(&Graph::of(&database(order)).select(&Selection::default()).unwrap()).unwrap()
    }

    #[test]
    fn the_same_services_are_the_same_bytes_whatever_their_order() {
        // Longruns come first.
        let first = drawn(&[1, 2, 4, 5, 7, 8, 10, 11, 0, 3, 6, 9]);
        for order in [[11, 10, 8, 7, 5, 4, 2, 1, 9, 6, 3, 0], [5, 1, 11, 7, 2, 10, 4, 8, 6, 0, 9, 3]] {
            assert_eq!(drawn(&order), first);
        }
        let boxes =
            ["<title>bundle all</title>", "<title>bundle inner</title>", "<title>bundle other</title>"];
        assert!(boxes.iter().all(|title| first.contains(title)));
        assert!(first.contains(">bundle across: s04 s06 s10</text>"), "it lies across: {first}");
    }

    #[test]
    fn text_fits_where_it_is() {
        let long = "a-name-that-is-much-longer-than-anybody-would-call-a-service";
        for (name, is_longrun) in
            [("a", true), ("ab", false), (long, true), (long, false), ("漢字漢字漢字", false)]
        {
            for word in [None, Some("scheduled")] {
                let state = word.map(|word| State { word, look: Look::Good });
                let node = Node { name: name.to_owned(), is_longrun, state, ..Node::default() };
                let (half, text) =
                    (f64::from(width(&node)) / 2.0, f64::from(LETTER * columns(&super::name(&node))) / 2.0);
                let height = f64::from(HEIGHTS[usize::from(word.is_some())]) / 2.0;
                // The corner of the text that is farthest from the middle: letters are 10 high, their middle is at most 7 above.
                let y: f64 = if word.is_some() { 7.0 + 5.0 } else { 5.0 };
                let room = if is_longrun { half } else { half * (1.0 - (y / height).powi(2)).sqrt() };
                assert!(room >= text + 3.0, "{name}: {room} {text}");
            }
        }
    }

    #[test]
    fn every_state_has_a_look_of_its_own() {
        let states =
            [("ready", Look::Good), ("starting", Look::Moving), ("down", Look::Down), ("backoff", Look::Bad)];
        let node = |(word, look): (&'static str, Look)| Node {
            name: format!("is-{word}"),
            is_longrun: look != Look::Good,
            state: Some(State { word, look }),
            ..Node::default()
        };
        let graph = Graph { nodes: states.map(node).to_vec(), ..Graph::default() };
        let picture = print(&graph).unwrap();
        for (word, look) in states {
            assert!(picture.contains(&format!(">{word}</text>")), "the word is there");
            assert_eq!(
                picture.matches(&format!("class=\"node {}\"", look.class())).count(),
                2,
                "and in the legend"
            );
        }
        let over = |name: &str| picture.matches(&format!("class=\"over {name}-over\"")).count();
        assert_eq!((over("bad"), over("moving"), over("good"), over("down")), (2, 2, 0, 0));
        insta::assert_snapshot!(picture);
    }
}
