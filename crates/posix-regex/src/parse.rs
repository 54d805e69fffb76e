//! From the text of an expression to its tree.

use crate::Syntax;

/// A set of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Set([u64; 4]);

impl Set {
    pub(super) fn any() -> Self {
        Self([u64::MAX; 4])
    }

    pub(super) fn of(byte: u8) -> Self {
        let mut set = Self::default();
        set.add(byte);
        set
    }

    fn matching(f: impl Fn(u8) -> bool) -> Self {
        let mut set = Self::default();
        (0..=u8::MAX).filter(|b| f(*b)).for_each(|b| set.add(b));
        set
    }

    fn add(&mut self, byte: u8) {
        if let Some(word) = self.0.get_mut(usize::from(byte >> 6)) {
            *word |= 1 << (byte & 63);
        }
    }

    fn join(&mut self, other: Self) {
        self.0.iter_mut().zip(other.0).for_each(|(a, b)| *a |= b);
    }

    fn inverse(self) -> Self {
        Self(self.0.map(|w| !w))
    }

    fn with_both_cases(mut self) -> Self {
        for lower in b'a'..=b'z' {
            let upper = lower.to_ascii_uppercase();
            if self.contains(lower) || self.contains(upper) {
                self.add(lower);
                self.add(upper);
            }
        }
        self
    }

    /// The byte of a set of one.
    pub(super) fn only(self) -> Option<u8> {
        let mut bytes = (0..=u8::MAX).filter(|b| self.contains(*b));
        bytes.next().filter(|_| bytes.next().is_none())
    }

    pub(crate) fn contains(self, byte: u8) -> bool {
        self.0.get(usize::from(byte >> 6)).is_some_and(|w| w >> (byte & 63) & 1 == 1)
    }
}

/// A condition on a place between two bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    TextStart,
    TextEnd,
    WordStart,
    WordEnd,
    WordEdge,
    NotWordEdge,
}

/// Whether a byte belongs to a word.
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

impl Place {
    /// Whether the condition is true between these two bytes; `None` is the edge of the text.
    pub(super) fn holds(self, before: Option<u8>, after: Option<u8>) -> bool {
        let (b, a) = (before.is_some_and(is_word), after.is_some_and(is_word));
        match self {
            Self::TextStart => before.is_none(),
            Self::TextEnd => after.is_none(),
            Self::WordStart => !b && a,
            Self::WordEnd => b && !a,
            Self::WordEdge => b != a,
            Self::NotWordEdge => b == a,
        }
    }
}

/// The tree of an expression.
#[derive(Debug, Clone)]
pub(super) enum Node {
    /// One byte of a set.
    Byte(Set),
    /// A condition.
    At(Place),
    /// One after the other; empty: the empty text.
    Row(Vec<Node>),
    /// One of them.
    Either(Vec<Node>),
    /// A number of repetitions, from the first number to the second one; `None`: without limit.
    Repeat(Box<Node>, u32, Option<u32>),
    /// A numbered group.
    Group(usize, Box<Node>),
    /// The text that a group matched.
    Back(usize),
}

impl Node {
    /// The highest number of a group.
    pub(super) fn groups(&self) -> usize {
        match self {
            Self::Back(_) | Self::Byte(_) | Self::At(_) => 0,
            Self::Row(nodes) | Self::Either(nodes) => nodes.iter().map(Self::groups).max().unwrap_or(0),
            Self::Repeat(node, ..) => node.groups(),
            Self::Group(number, node) => node.groups().max(*number),
        }
    }

    /// The numbers of the groups in it.
    pub(super) fn group_numbers(&self) -> Vec<usize> {
        match self {
            Self::Back(_) | Self::Byte(_) | Self::At(_) => Vec::new(),
            Self::Row(nodes) | Self::Either(nodes) => nodes.iter().flat_map(Self::group_numbers).collect(),
            Self::Repeat(node, ..) => node.group_numbers(),
            Self::Group(number, node) => [vec![*number], node.group_numbers()].concat(),
        }
    }

    pub(super) fn has_back_references(&self) -> bool {
        match self {
            Self::Back(_) => true,
            Self::Byte(_) | Self::At(_) => false,
            Self::Row(nodes) | Self::Either(nodes) => nodes.iter().any(Self::has_back_references),
            Self::Repeat(node, ..) | Self::Group(_, node) => node.has_back_references(),
        }
    }
}

/// The limit of a number in braces: RE_DUP_MAX of POSIX.
const REPEAT_LIMIT: u32 = 255;

/// The limit of nested groups.
const DEPTH_LIMIT: u32 = 200;

/// The limit of repetition operators after one expression.
const STACKED_LIMIT: u32 = 5;

/// Parses an expression.
pub(super) fn parse(pattern: &[u8], syntax: Syntax, ignore_case: bool) -> Result<Node, String> {
    let mut parser = Parser::new(pattern, syntax, ignore_case);
    let node = parser.alternatives()?;
    if parser.rest.is_empty() { Ok(node) } else { Err(String::from("unmatched )")) }
}

/// What a bracket of a shell pattern matches and what follows it; `text` begins after the opening bracket.
pub(crate) fn shell_bracket(text: &[u8]) -> Option<(Set, &[u8])> {
    let (negated, rest) = match text {
        [b'!' | b'^', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    let mut parser = Parser::new(rest, Syntax::Basic, false);
    let set = parser.elements().ok()?;
    Some((if negated { set.inverse() } else { set }, parser.rest))
}

struct Parser<'a> {
    rest: &'a [u8],
    syntax: Syntax,
    ignore_case: bool,
    groups: usize,
    /// The numbers of the groups that are closed.
    closed: Vec<usize>,
    /// The number of open groups.
    depth: u32,
}

impl<'a> Parser<'a> {
    fn new(rest: &'a [u8], syntax: Syntax, ignore_case: bool) -> Self {
        Self { rest, syntax, ignore_case, groups: 0, closed: Vec::new(), depth: 0 }
    }

    fn take(&mut self, token: &[u8]) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn starts_with(&self, token: &[u8]) -> bool {
        self.rest.starts_with(token)
    }

    fn basic(&self) -> bool {
        self.syntax == Syntax::Basic
    }

    /// The token of this character as an operator: bare in extended, escaped in basic expressions.
    fn operator(&self, extended: &'static [u8], basic: &'static [u8]) -> &'static [u8] {
        if self.basic() { basic } else { extended }
    }

    fn at_close(&self) -> bool {
        // Without an open group, a `)` of an extended expression is an ordinary character.
        self.starts_with(self.operator(b")", b"\\)")) && (self.basic() || self.depth > 0)
    }

    fn alternatives(&mut self) -> Result<Node, String> {
        let bar = self.operator(b"|", b"\\|");
        let mut branches = vec![self.branch()?];
        while self.take(bar) {
            branches.push(self.branch()?);
        }
        Ok(if branches.len() == 1 { branches.remove(0) } else { Node::Either(branches) })
    }

    fn branch(&mut self) -> Result<Node, String> {
        let bar = self.operator(b"|", b"\\|");
        let mut row = Vec::new();
        while !self.rest.is_empty() && !self.starts_with(bar) && !self.at_close() {
            let atom = self.atom(row.is_empty())?;
            row.push(self.repeats(atom)?);
        }
        Ok(Node::Row(row))
    }

    fn repeats(&mut self, mut node: Node) -> Result<Node, String> {
        // In a basic expression, a star after the anchor at the start is an ordinary character.
        if self.basic() && matches!(node, Node::At(Place::TextStart)) {
            return Ok(node);
        }
        let (plus, maybe, brace) =
            (self.operator(b"+", b"\\+"), self.operator(b"?", b"\\?"), self.operator(b"{", b"\\{"));
        let mut stacked = 0;
        loop {
            let (least, most) = if self.take(b"*") {
                (0, None)
            } else if self.take(plus) {
                (1, None)
            } else if self.take(maybe) {
                (0, Some(1))
            } else if self.take(brace) {
                self.interval()?
            } else {
                return Ok(node);
            };
            // `a**` is `a*`, so a row of stars doesn't deepen the tree.
            if matches!((&node, least, most), (Node::Repeat(_, 0, None), 0, None)) {
                continue;
            }
            node = Node::Repeat(Box::new(node), least, most);
            stacked += 1;
            if stacked > STACKED_LIMIT {
                return Err(String::from("too many repetitions of one thing"));
            }
        }
    }

    fn number(&mut self) -> Result<Option<u32>, String> {
        let digits = self.rest.iter().take_while(|b| b.is_ascii_digit()).count();
        if digits == 0 {
            return Ok(None);
        }
        let (word, rest) = self.rest.split_at(digits);
        self.rest = rest;
        match wire::number::decimal(word) {
            Some(n) if n <= REPEAT_LIMIT => Ok(Some(n)),
            _ => Err(format!("a number in braces is above {REPEAT_LIMIT}")),
        }
    }

    fn interval(&mut self) -> Result<(u32, Option<u32>), String> {
        let least = self.number()?;
        let most = if self.take(b",") { self.number()? } else { least };
        let comma_alone = least.is_none() && most.is_none();
        if comma_alone || !self.take(self.operator(b"}", b"\\}")) {
            return Err(String::from("bad contents of braces"));
        }
        let least = least.unwrap_or(0);
        if most.is_some_and(|m| m < least) {
            return Err(String::from("bad contents of braces: the second number is the smaller one"));
        }
        Ok((least, most))
    }

    fn literal(&self, byte: u8) -> Node {
        self.set(Set::of(byte))
    }

    fn set(&self, set: Set) -> Node {
        Node::Byte(if self.ignore_case { set.with_both_cases() } else { set })
    }

    fn atom(&mut self, first: bool) -> Result<Node, String> {
        if self.take(self.operator(b"(", b"\\(")) {
            return self.group();
        }
        let Some((&byte, rest)) = self.rest.split_first() else { return Ok(Node::Row(Vec::new())) };
        self.rest = rest;
        match byte {
            b'.' => Ok(Node::Byte(Set::any())),
            b'[' => self.bracket(),
            b'\\' => self.escape(),
            b'^' if !self.basic() || first => Ok(Node::At(Place::TextStart)),
            b'$' if !self.basic() || rest.is_empty() || self.at_close() || rest.starts_with(b"\\|") => {
                Ok(Node::At(Place::TextEnd))
            }
            b'*' | b'+' | b'?' | b'{' if !self.basic() => {
                Err(format!("nothing before {} to repeat", char::from(byte)))
            }
            _ => Ok(self.literal(byte)),
        }
    }

    fn group(&mut self) -> Result<Node, String> {
        self.groups += 1;
        let number = self.groups;
        self.depth += 1;
        if self.depth > DEPTH_LIMIT {
            return Err(String::from("too deeply nested"));
        }
        let inside = self.alternatives()?;
        if !self.take(self.operator(b")", b"\\)")) {
            return Err(String::from("missing )"));
        }
        self.depth -= 1;
        self.closed.push(number);
        Ok(Node::Group(number, Box::new(inside)))
    }

    fn escape(&mut self) -> Result<Node, String> {
        let Some((&byte, rest)) = self.rest.split_first() else {
            return Err(String::from("trailing backslash"));
        };
        self.rest = rest;
        let space = |b: u8| b.is_ascii_whitespace() || b == 0x0b;
        Ok(match byte {
            b'w' => Node::Byte(Set::matching(is_word)),
            b'W' => Node::Byte(Set::matching(is_word).inverse()),
            b's' => Node::Byte(Set::matching(space)),
            b'S' => Node::Byte(Set::matching(space).inverse()),
            b'd' => Node::Byte(Set::matching(|b| b.is_ascii_digit())),
            b'D' => Node::Byte(Set::matching(|b| b.is_ascii_digit()).inverse()),
            b'<' => Node::At(Place::WordStart),
            b'>' => Node::At(Place::WordEnd),
            b'b' => Node::At(Place::WordEdge),
            b'B' => Node::At(Place::NotWordEdge),
            b't' => self.literal(b'\t'),
            b'n' => self.literal(b'\n'),
            b'r' => self.literal(b'\r'),
            b'f' => self.literal(0x0c),
            b'a' => self.literal(0x07),
            b'e' => self.literal(0x1b),
            b'x' if self.take(b"{") => {
                let code = self.hexadecimal(8);
                if !self.take(b"}") {
                    return Err(String::from("missing } after \\x{"));
                }
                // No byte has a code above 255.
                u8::try_from(code).map_or(Node::Byte(Set::default()), |byte| self.literal(byte))
            }
            b'x' => {
                let code = self.hexadecimal(2);
                self.literal(u8::try_from(code).unwrap_or(0))
            }
            b'1'..=b'9' if self.basic() => {
                let number = usize::from(byte - b'0');
                if !self.closed.contains(&number) {
                    return Err(format!("\\{number} refers to no group before it"));
                }
                Node::Back(number)
            }
            b'+' | b'?' | b'{' if self.basic() => {
                return Err(format!("nothing before \\{} to repeat", char::from(byte)));
            }
            other => self.literal(other),
        })
    }

    /// The number that at most so many hexadecimal digits stand for; 0 without any.
    fn hexadecimal(&mut self, most: usize) -> u32 {
        let digits = self.rest.iter().take(most).take_while(|b| b.is_ascii_hexdigit()).count();
        let (word, rest) = self.rest.split_at(digits);
        self.rest = rest;
        let text = std::str::from_utf8(word).unwrap_or_default();
        u32::from_str_radix(text, 16).unwrap_or(0)
    }

    fn bracket(&mut self) -> Result<Node, String> {
        let negated = self.take(b"^");
        let set = self.elements()?;
        let set = if self.ignore_case { set.with_both_cases() } else { set };
        Ok(Node::Byte(if negated { set.inverse() } else { set }))
    }

    /// The elements of a bracket, and the bracket that closes it.
    fn elements(&mut self) -> Result<Set, String> {
        const UNCLOSED: &str = "missing ]";
        let mut set = Set::default();
        let mut first = true;
        loop {
            if !first && self.take(b"]") {
                break;
            }
            first = false;
            if self.take(b"[:") {
                let name = self.named(b":]")?;
                set.join(class(name)?);
                continue;
            }
            let low = self.element()?.ok_or(UNCLOSED)?;
            let range = self.starts_with(b"-") && !self.starts_with(b"-]");
            if !range {
                set.add(low);
                continue;
            }
            self.take(b"-");
            if self.starts_with(b"[:") {
                return Err(String::from("a class can't end a range"));
            }
            let high = self.element()?.ok_or(UNCLOSED)?;
            if high < low {
                return Err(String::from("the end of a range is before its start"));
            }
            (low..=high).for_each(|b| set.add(b));
        }
        Ok(set)
    }

    /// One element of a bracket: a byte, `[.x.]` or `[=x=]`.
    fn element(&mut self) -> Result<Option<u8>, String> {
        for (open, close) in [(b"[.", b".]"), (b"[=", b"=]")] {
            if self.take(open) {
                return match self.named(close)? {
                    [byte] => Ok(Some(*byte)),
                    _ => Err(String::from("only single characters collate")),
                };
            }
        }
        let Some((&byte, rest)) = self.rest.split_first() else { return Ok(None) };
        self.rest = rest;
        Ok(Some(byte))
    }

    fn named(&mut self, close: &[u8]) -> Result<&[u8], String> {
        let text = self.rest;
        let at = text.windows(2).position(|w| w == close).ok_or("missing ] in a bracket")?;
        self.rest = text.get(at + 2..).unwrap_or_default();
        Ok(text.get(..at).unwrap_or_default())
    }
}

fn class(name: &[u8]) -> Result<Set, String> {
    let member: fn(u8) -> bool = match name {
        b"alnum" => |b| b.is_ascii_alphanumeric(),
        b"alpha" => |b| b.is_ascii_alphabetic(),
        b"blank" => |b| b == b' ' || b == b'\t',
        b"cntrl" => |b| b.is_ascii_control(),
        b"digit" => |b| b.is_ascii_digit(),
        b"graph" => |b| b.is_ascii_graphic(),
        b"lower" => |b| b.is_ascii_lowercase(),
        b"print" => |b| b == b' ' || b.is_ascii_graphic(),
        b"punct" => |b| b.is_ascii_punctuation(),
        b"space" => |b| b.is_ascii_whitespace() || b == 0x0b,
        b"upper" => |b| b.is_ascii_uppercase(),
        b"xdigit" => |b| b.is_ascii_hexdigit(),
        _ => return Err(format!("no character class is named {}", name.escape_ascii())),
    };
    Ok(Set::matching(member))
}
