//! JSON documents, written member by member.

use overlay::relay::escape;

/// An object or an array that is being written.
pub(crate) struct Json(Vec<u8>);

impl Json {
    /// A document that begins with this.
    pub(crate) fn new(open: u8) -> Self {
        Self(vec![open])
    }

    /// Begins the next member, with its name in an object; what follows is its value.
    pub(crate) fn member(&mut self, name: &str) -> &mut Vec<u8> {
        if !self.0.ends_with(b"{") && !self.0.ends_with(b"[") {
            self.0.push(b',');
        }
        if !name.is_empty() {
            self.0.extend([b"\"", name.as_bytes(), b"\":"].concat());
        }
        &mut self.0
    }

    /// A number, or null.
    pub(crate) fn number(&mut self, name: &str, value: Option<u64>) {
        let text = value.map_or_else(|| "null".to_owned(), |value| value.to_string());
        self.member(name).extend(text.bytes());
    }

    /// A truth value.
    pub(crate) fn truth(&mut self, name: &str, value: bool) {
        self.member(name).extend(if value { &b"true"[..] } else { b"false" });
    }

    /// A text, or null.
    pub(crate) fn text(&mut self, name: &str, value: Option<&[u8]>) {
        let to = self.member(name);
        match value {
            None => to.extend(b"null"),
            Some(text) => {
                to.push(b'"');
                escape(text, to);
                to.push(b'"');
            }
        }
    }

    /// An array of texts.
    pub(crate) fn texts(&mut self, name: &str, values: &mut dyn Iterator<Item = &[u8]>) {
        self.member(name).push(b'[');
        values.for_each(|value| self.text("", Some(value)));
        self.0.push(b']');
    }

    /// Begins an object within this.
    pub(crate) fn open(&mut self, name: &str, bracket: u8) {
        self.member(name).push(bracket);
    }

    /// Ends what was begun last.
    pub(crate) fn close(&mut self, bracket: u8) {
        self.0.push(bracket);
    }

    /// The document, whose outermost part ends with this.
    pub(crate) fn finish(mut self, close: u8) -> Vec<u8> {
        self.0.push(close);
        self.0
    }
}

#[cfg(test)]
pub(crate) mod tests {
    //! Documents and their schemas, which are in `docs/schema`.

    use serde_json::Value;

    /// The schema in the file of this name.
    pub(crate) fn schema(name: &str) -> Value {
        let path = format!("{}/../../docs/schema/{name}", env!("CARGO_MANIFEST_DIR"));
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }

    /// A document that is as this schema has it.
    pub(crate) fn valid(name: &str, text: &[u8]) -> Value {
        let value = serde_json::from_slice(text).unwrap();
        let (mut schemas, mut compiler) = (boon::Schemas::new(), boon::Compiler::new());
        compiler.enable_format_assertions();
        compiler.add_resource(name, schema(name)).unwrap();
        let compiled = compiler.compile(name, &mut schemas).unwrap();
        if let Err(why) = schemas.validate(&value, compiled) {
            panic!("{why:#}");
        }
        value
    }
}
