//! What there is to place, and the places.

/// What a node is about.
#[derive(Debug, Clone, Copy, Default)]
pub struct Node {
    /// Its width.
    pub width: i32,
    /// The innermost box that it is in.
    pub group: Option<usize>,
}

/// A box around nodes and other boxes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Group {
    /// The box that it is in, which stands before it.
    pub parent: Option<usize>,
    /// The width of its label.
    pub label: i32,
}

/// An edge from a node down to another one.  Edges of one kind share their ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// The upper end.
    pub from: usize,
    /// The lower end.
    pub to: usize,
    /// Of what kind it is.
    pub kind: u8,
}

/// What is to be placed.  Edges lead in no circle.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// The nodes.
    pub nodes: Vec<Node>,
    /// The height of each node.
    pub height: i32,
    /// The boxes.
    pub groups: Vec<Group>,
    /// The edges.
    pub edges: Vec<Edge>,
}

/// A point: from the left, from the top.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Point {
    /// From the left.
    pub x: i32,
    /// From the top.
    pub y: i32,
}

/// A rectangle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rect {
    /// The corner at the upper left.
    pub at: Point,
    /// Width and height.
    pub size: Point,
}

/// A piece of edges, from one row to the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The edges that it is of: places in the plan.
    pub edges: Vec<usize>,
    /// The node that it begins at, if it begins at one, and how far from its middle.
    pub start: Option<(usize, i32)>,
    /// Likewise where it ends.
    pub end: Option<(usize, i32)>,
    /// Its upper end.
    pub from: Point,
    /// Its lower end.
    pub to: Point,
    /// How far it then goes on straight down.
    pub on: i32,
}

/// Where everything is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Layout {
    /// The middles of the nodes.
    pub nodes: Vec<Point>,
    /// The boxes.
    pub groups: Vec<Rect>,
    /// The edges, in pieces.
    pub lines: Vec<Line>,
    /// Width and height of all.
    pub size: Point,
}
