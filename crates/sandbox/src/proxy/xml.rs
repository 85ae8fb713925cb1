//! A small element tree for the control plane's XML: read, changed by rules, written again. Keeps names,
//! attributes, text and order; drops white space between elements and comments.

use quick_xml::Reader;
use quick_xml::events::Event;

/// One element.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) name: String,
    attributes: String,
    pub(crate) text: String,
    pub(crate) children: Vec<Element>,
}

impl Element {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// An element that holds only text.
    pub(crate) fn leaf(name: &str, text: &str) -> Self {
        Self { name: name.to_owned(), text: text.to_owned(), ..Self::default() }
    }

    pub(crate) fn with(mut self, child: Element) -> Self {
        self.children.push(child);
        self
    }

    /// The root element of a document; `None` where it is not well-formed.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut reader = Reader::from_str(text);
        let mut open = vec![Self::default()];
        loop {
            match reader.read_event().ok()? {
                Event::Start(start) => open.push(Self::named(start.name().as_ref(), start.attributes_raw())?),
                Event::Empty(empty) => {
                    let element = Self::named(empty.name().as_ref(), empty.attributes_raw())?;
                    open.last_mut()?.children.push(element);
                }
                Event::End(_) => {
                    let mut done = open.pop()?;
                    if !done.children.is_empty() {
                        done.text.clear();
                    }
                    open.last_mut()?.children.push(done);
                }
                Event::Text(piece) => open.last_mut()?.text.push_str(&piece.decode().ok()?),
                Event::CData(piece) => open.last_mut()?.text.push_str(&piece.decode().ok()?),
                Event::GeneralRef(reference) => {
                    let text = match reference.resolve_char_ref().ok()? {
                        Some(character) => character.to_string(),
                        None => quick_xml::escape::resolve_xml_entity(&reference.decode().ok()?)?.to_owned(),
                    };
                    open.last_mut()?.text.push_str(&text);
                }
                Event::Eof => break,
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
            }
        }
        let mut root = open.pop()?;
        if !open.is_empty() || root.children.len() != 1 {
            return None;
        }
        root.children.pop()
    }

    fn named(name: &[u8], attributes: &[u8]) -> Option<Self> {
        let name = std::str::from_utf8(name).ok()?.to_owned();
        let attributes = std::str::from_utf8(attributes).ok()?.trim().to_owned();
        Some(Self { name, attributes, ..Self::default() })
    }

    /// The first child of a name.
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    pub(crate) fn child_mut(&mut self, name: &str) -> Option<&mut Self> {
        self.children.iter_mut().find(|child| child.name == name)
    }

    /// The text of the first child of a name, `""` when there is none.
    pub(crate) fn value(&self, name: &str) -> &str {
        self.child(name).map_or("", |child| child.text.as_str())
    }

    /// Puts a leaf in the place of the children of its name.
    pub(crate) fn set(&mut self, name: &str, text: &str) {
        self.children.retain(|child| child.name != name);
        self.children.push(Self::leaf(name, text));
    }

    /// The children of a child: the members of a list such as `vpcEndpointSet`.
    pub(crate) fn items(&self, list: &str) -> &[Self] {
        self.child(list).map_or(&[], |list| list.children.as_slice())
    }

    /// The document with its declaration.
    pub(crate) fn document(&self) -> String {
        let mut out = String::from(r#"<?xml version="1.0" encoding="UTF-8"?>"#);
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) {
        out.push('<');
        out.push_str(&self.name);
        if !self.attributes.is_empty() {
            out.push(' ');
            out.push_str(&self.attributes);
        }
        out.push('>');
        out.push_str(&quick_xml::escape::escape(self.text.as_str()));
        for child in &self.children {
            child.write(out);
        }
        out.push_str("</");
        out.push_str(&self.name);
        out.push('>');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_survives_reading_and_writing() {
        let text =
            r#"<?xml version="1.0" encoding="UTF-8"?><A xmlns="urn:x"><b>1 &lt; 2 &amp; &#x41;</b> <c/></A>"#;
        let root = Element::parse(text).unwrap();
        assert_eq!(root.value("b"), "1 < 2 & A");
        let again = Element::parse(&root.document()).unwrap();
        assert_eq!(again, root);
        assert!(root.document().contains(r#"<A xmlns="urn:x">"#));
    }

    #[test]
    fn what_is_not_well_formed_is_nothing() {
        for text in ["", "<a>", "<a></b>", "plain", "<a/><b/>"] {
            assert_eq!(Element::parse(text), None, "{text}");
        }
    }
}
