//! A source file with many changes in it at once, each behind a switch.
//!
//! `a < b` becomes `(if ON(1) {(a) == (b)} else if ON(2) {(a) > (b)} else {(a) < (b)})`, where `ON` asks the switch that
//! [`SWITCH`] adds to the crate, so the crate is compiled once for all its changes.  What can't stand behind a switch
//! (in constants, in a chain of `let`, or since it doesn't compile) is tried by itself.

use std::collections::HashMap;
use std::ops::Range;

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use super::change::{Change, Kind};

/// What is added to the end of a crate's `lib.rs`.
pub const SWITCH: &str = include_str!("switch.txt");

/// A file with changes.
#[derive(Debug)]
pub struct Schema {
    pub text: String,
    /// Where which changes are in the text; a place in another one comes later.
    pub places: Vec<(Range<usize>, Vec<usize>)>,
    /// The changes that are in the text.
    pub switched: Vec<usize>,
}

impl Schema {
    /// Puts the changes into a source; each has a number, its switch.
    pub fn new(source: &str, changes: &[(usize, &Change)]) -> Result<Self, syn::Error> {
        let mut sites = Sites::default();
        sites.visit_file(&syn::parse_file(source)?);
        let mut nodes: Vec<Node> = Vec::new();
        let mut switched = Vec::new();
        for (number, change) in changes {
            let Some(node) = sites.node(*number, change) else { continue };
            switched.push(*number);
            match nodes.iter_mut().find(|other| other.is_same_place(&node)) {
                Some(other) => other.variants.extend(node.variants),
                None => nodes.push(node),
            }
        }
        nodes.sort_by_key(|node| {
            let inner = matches!(node.form, Form::Operator { .. });
            (node.range.start, !node.range.is_empty(), usize::MAX - node.range.end, inner)
        });
        let mut writer = Writer { source, text: String::new(), places: Vec::new() };
        writer.stretch(0..source.len(), &tree(nodes));
        let Writer { text, places, .. } = writer;
        Ok(Self { text, places, switched })
    }

    /// The changes at a place in the text, the innermost ones.
    pub fn at(&self, place: &Range<usize>) -> &[usize] {
        let holds = |range: &Range<usize>| range.start <= place.start && place.end <= range.end;
        let innermost =
            self.places.iter().filter(|(range, _)| holds(range)).min_by_key(|(range, _)| range.len());
        innermost.map_or(&[], |(_, changes)| changes)
    }
}

/// Parts of the source that changes are in.
#[derive(Default)]
struct Sites {
    /// By the start of the operator.
    operators: HashMap<usize, Operation>,
    /// By the start of the arm: the end of its pattern, and its condition.
    arms: HashMap<usize, (usize, Option<Range<usize>>)>,
    /// What is computed while compiling.
    constants: Vec<Range<usize>>,
}

/// Where an expression with an operator is.
struct Operation {
    whole: Range<usize>,
    /// None of an operator before its operand.
    left: Option<Range<usize>>,
    right: Range<usize>,
}

impl Sites {
    fn node(&self, number: usize, change: &Change) -> Option<Node> {
        let place = &change.place;
        if self.constants.iter().any(|constant| constant.contains(&place.start)) {
            return None;
        }
        let replacement = change.replacement.as_str();
        let (range, form, variant) = match change.kind {
            Kind::Body => (place.start..place.start, Form::Early, replacement.to_owned()),
            Kind::Guard => (place.clone(), Form::Value, replacement.to_owned()),
            Kind::Arm => match self.arms.get(&place.start)? {
                (_, Some(guard)) => (guard.clone(), Form::Value, "false".to_owned()),
                (end, None) => (*end..*end, Form::NewGuard, String::new()),
            },
            Kind::Binary | Kind::Unary => {
                let Operation { whole, left, right } = self.operators.get(&place.start)?;
                let (left, operator, right) = (left.clone(), place.clone(), right.clone());
                (whole.clone(), Form::Operator { left, operator, right }, replacement.to_owned())
            }
            Kind::Other => return None,
        };
        Some(Node { range, form, variants: vec![(number, variant)], inner: Vec::new() })
    }
}

impl<'ast> Visit<'ast> for Sites {
    fn visit_expr_binary(&mut self, e: &'ast syn::ExprBinary) {
        // A chain with `let` in it has no parts that could stand alone.
        if !has_let(&e.left) && !has_let(&e.right) {
            let (left, right) = (Some(bytes(e.left.as_ref())), bytes(e.right.as_ref()));
            self.operators.insert(bytes(&e.op).start, Operation { whole: bytes(e), left, right });
        }
        visit::visit_expr_binary(self, e);
    }

    fn visit_expr_unary(&mut self, e: &'ast syn::ExprUnary) {
        let operation = Operation { whole: bytes(e), left: None, right: bytes(e.expr.as_ref()) };
        self.operators.insert(bytes(&e.op).start, operation);
        visit::visit_expr_unary(self, e);
    }

    fn visit_expr_match(&mut self, e: &'ast syn::ExprMatch) {
        let takes_all = |arm: &syn::Arm| arm.guard.is_none() && matches!(arm.pat, syn::Pat::Wild(_));
        let has_rest = e.arms.iter().any(takes_all);
        for arm in &e.arms {
            let guard = arm.guard.as_ref().map(|(_, guard)| bytes(guard.as_ref()));
            // The compiler wants all cases, and doesn't count an arm with a condition.
            if has_rest || guard.is_some() {
                self.arms.insert(bytes(arm).start, (bytes(&arm.pat).end, guard));
            }
        }
        visit::visit_expr_match(self, e);
    }

    // Patterns and types have constants in them only.
    fn visit_pat(&mut self, _: &'ast syn::Pat) {}
    fn visit_type(&mut self, t: &'ast syn::Type) {
        self.constants.push(bytes(t));
    }

    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        self.constants.push(bytes(item));
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        self.constants.push(bytes(item));
    }

    fn visit_impl_item_const(&mut self, item: &'ast syn::ImplItemConst) {
        self.constants.push(bytes(item));
    }

    fn visit_expr_const(&mut self, e: &'ast syn::ExprConst) {
        self.constants.push(bytes(e));
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig, bytes(item));
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig, bytes(item));
        visit::visit_impl_item_fn(self, item);
    }
}

impl Sites {
    fn function(&mut self, signature: &syn::Signature, range: Range<usize>) {
        if signature.constness.is_some() {
            self.constants.push(range);
        }
    }
}

fn has_let(e: &syn::Expr) -> bool {
    match e {
        syn::Expr::Let(_) => true,
        syn::Expr::Binary(e) => has_let(&e.left) || has_let(&e.right),
        _ => false,
    }
}

fn bytes(node: &impl Spanned) -> Range<usize> {
    node.span().byte_range()
}

/// A part of the source that is written in another way.
struct Node {
    range: Range<usize>,
    form: Form,
    /// A change's number, and what it puts there.
    variants: Vec<(usize, String)>,
    /// What changes inside.
    inner: Vec<Node>,
}

impl Node {
    fn is_same_place(&self, other: &Self) -> bool {
        self.range == other.range && std::mem::discriminant(&self.form) == std::mem::discriminant(&other.form)
    }
}

enum Form {
    /// At the beginning of a body: returns a value.
    Early,
    /// Another value.
    Value,
    /// A condition where there was none, which fails.
    NewGuard,
    /// Other operators, or none.
    Operator { left: Option<Range<usize>>, operator: Range<usize>, right: Range<usize> },
}

/// Puts each node into the one around it; they are sorted, outer ones first.
fn tree(nodes: Vec<Node>) -> Vec<Node> {
    let mut top = Vec::new();
    for node in nodes {
        insert(&mut top, node);
    }
    top
}

fn insert(level: &mut Vec<Node>, node: Node) {
    match level.last_mut() {
        Some(last) if !last.range.is_empty() && node.range.end <= last.range.end => {
            insert(&mut last.inner, node);
        }
        _ => level.push(node),
    }
}

struct Writer<'a> {
    source: &'a str,
    text: String,
    places: Vec<(Range<usize>, Vec<usize>)>,
}

impl Writer<'_> {
    /// Writes a stretch of the source with the nodes that are in it.
    fn stretch(&mut self, range: Range<usize>, nodes: &[Node]) {
        let mut at = range.start;
        for node in nodes {
            if node.range.start < at || node.range.end > range.end {
                continue;
            }
            self.text.push_str(&self.source[at..node.range.start]);
            self.node(node);
            at = node.range.end;
        }
        self.text.push_str(&self.source[at..range.end]);
    }

    fn node(&mut self, node: &Node) {
        let start = self.text.len();
        let all = node.variants.iter().map(|(number, _)| *number).collect();
        match &node.form {
            Form::Early => self.each(node, |writer, value| {
                writer.text.push_str(&format!("return {value};"));
            }),
            Form::NewGuard => {
                let off = node.variants.iter().map(|(number, _)| format!("!{}", is_on(*number)));
                self.text.push_str(&format!(" if {}", off.collect::<Vec<_>>().join(" && ")));
            }
            Form::Value => self.choice(
                node,
                |writer, value| writer.text.push_str(value),
                |writer| writer.stretch(node.range.clone(), &node.inner),
            ),
            Form::Operator { left, operator, right } => {
                let operator = &self.source[operator.clone()];
                let expression = |writer: &mut Self, operator: &str| {
                    if let Some(left) = left {
                        writer.operand(left, node);
                    }
                    writer.text.push_str(operator);
                    writer.operand(right, node);
                };
                self.choice(node, expression, |writer| expression(writer, operator));
            }
        }
        self.places.push((start..self.text.len(), all));
    }

    fn operand(&mut self, range: &Range<usize>, node: &Node) {
        self.text.push('(');
        self.stretch(range.clone(), &node.inner);
        self.text.push(')');
    }

    /// An expression: a change's, or what was there.
    fn choice(&mut self, node: &Node, change: impl Fn(&mut Self, &str), original: impl Fn(&mut Self)) {
        self.text.push('(');
        self.each(node, change);
        self.text.push('{');
        original(self);
        self.text.push_str("})");
    }

    /// `if ON(1) {…} else if ON(2) {…} else `
    fn each(&mut self, node: &Node, change: impl Fn(&mut Self, &str)) {
        for (number, value) in &node.variants {
            self.text.push_str(&format!("if {} {{", is_on(*number)));
            let start = self.text.len();
            change(self, value);
            self.places.push((start..self.text.len(), vec![*number]));
            self.text.push('}');
            if !matches!(node.form, Form::Early) {
                self.text.push_str(" else ");
            }
        }
    }
}

fn is_on(number: usize) -> String {
    format!("crate::xtask_switch::is_on({number})")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(source: &str, at: &str, kind: Kind, replacement: &str) -> Change {
        let start = source.find(at).unwrap();
        Change {
            file: "f.rs".into(),
            name: String::new(),
            kind,
            place: start..start + at.len(),
            replacement: replacement.into(),
        }
    }

    fn schema(source: &str, changes: &[(&str, Kind, &str)]) -> Schema {
        let changes: Vec<_> = changes.iter().map(|(at, kind, new)| change(source, at, *kind, new)).collect();
        Schema::new(source, &changes.iter().enumerate().collect::<Vec<_>>()).unwrap()
    }

    fn switched(source: &str, changes: &[(&str, Kind, &str)]) -> String {
        schema(source, changes).text.replace("crate::xtask_switch::is_on", "on")
    }

    #[test]
    fn operators_stand_behind_switches_inner_ones_in_each_copy() {
        let got = switched(
            "fn f() -> bool { a + 1 < b }",
            &[("<", Kind::Binary, ">"), ("<", Kind::Binary, "=="), ("+", Kind::Binary, "-")],
        );
        let a = "((if on(2) {(a)-(1)} else {(a)+(1)}))";
        let want = format!(
            "fn f() -> bool {{ (if on(0) {{{a}>(b)}} else if on(1) {{{a}==(b)}} else {{{a}<(b)}}) }}"
        );
        assert_eq!(got, want);
    }

    #[test]
    fn bodies_return_early_and_an_operator_before_its_operand_goes_away() {
        let got = switched(
            "fn f() -> bool { !a() }",
            &[("!a()", Kind::Body, "true"), ("!a()", Kind::Body, "false"), ("!", Kind::Unary, "")],
        );
        let body = "if on(0) {return true;}if on(1) {return false;}(if on(2) {(a())} else {!(a())})";
        assert_eq!(got, format!("fn f() -> bool {{ {body} }}"));
    }

    #[test]
    fn arms_and_their_conditions() {
        let got = switched(
            "fn f() { match x { A if !c => 1, _ => 2 } }",
            &[("!", Kind::Unary, ""), ("!c", Kind::Guard, "true")],
        );
        let guard = "(if on(1) {true} else {(if on(0) {(c)} else {!(c)})})";
        assert_eq!(got, format!("fn f() {{ match x {{ A if {guard} => 1, _ => 2 }} }}"));
        let got = switched(
            "fn f() { match x { A if k => 1, B => 2, _ => 3 } }",
            &[("k", Kind::Guard, "true"), ("A if k => 1", Kind::Arm, ""), ("B => 2", Kind::Arm, "")],
        );
        let arms = "A if (if on(0) {true} else if on(1) {false} else {k}) => 1, B if !on(2) => 2, _ => 3";
        assert_eq!(got, format!("fn f() {{ match x {{ {arms} }} }}"));
    }

    #[test]
    fn constants_and_chains_with_let_are_left_alone() {
        let source =
            "const A: u8 = 1 + 2; const fn g() -> u8 { 3 - 1 } fn f() { if let Some(x) = y && x {} }";
        let got =
            schema(source, &[("+", Kind::Binary, "*"), ("-", Kind::Binary, "*"), ("&&", Kind::Binary, "||")]);
        assert_eq!((got.text.as_str(), got.switched.len()), (source, 0));
    }

    #[test]
    fn an_arm_stays_where_all_cases_are_named() {
        let source = "fn f() { match x { A => 1, B => 2 } }";
        assert_eq!(schema(source, &[("A => 1", Kind::Arm, "")]).text, source);
    }

    #[test]
    fn a_place_in_the_text_leads_to_its_change() {
        let schema =
            schema("fn f() -> bool { a < b }", &[("<", Kind::Binary, ">"), ("<", Kind::Binary, "==")]);
        let place = |at: &str| {
            let start = schema.text.find(at).unwrap();
            start..start + at.len()
        };
        assert_eq!(schema.at(&place("(a)==(b)")), [1]);
        assert_eq!(schema.at(&place("(a)<(b)")), [0, 1]);
        assert_eq!(schema.at(&place("fn f()")), [0; 0]);
    }
}
