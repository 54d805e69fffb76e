//! Pure: places for what a drawing shows, in rows: every edge goes downwards, nothing lies on anything else.
//!
//! | module | what it does |
//! |---|---|
//! | [`rows`] | the row of each node: the longest path to it, wide rows in several |
//! | [`order`] | from left to right: few edges that cross, and the members of a box side by side |
//! | [`place`] | coordinates |
//! | [`plan`] | what there is to place, and the places |
//!
//! An edge over several rows passes between the nodes of those in between; edges to the same node from so far share their way.
//! The libraries that there are for this have neither boxes nor ways for edges.

mod order;
mod place;
pub mod plan;
mod rows;

#[cfg(test)]
mod tests;

use plan::{Layout, Plan};

/// Places everything.
#[must_use]
pub fn layout(plan: &Plan) -> Layout {
    let rows = rows::rows(plan);
    let order = order::order(plan, &rows);
    place::place(plan, &order)
}
