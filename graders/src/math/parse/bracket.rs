//! What stands in brackets: groups, tuples, intervals, sets, absolute values and matrices.

use super::{Bracket, Parser, Ref, Stop, Token};
use crate::math::lex::Relation;
use crate::math::tree::{Join, Node};
use crate::math::words::Function;

/// The most cells of a matrix.
const CELLS_MAX: usize = 256;

impl Parser<'_, '_> {
    /// Reads a bracket and what it closes on.
    pub(super) fn bracketed(&mut self, bracket: Bracket) -> Result<Ref, Stop> {
        self.at += 1;
        let bars = std::mem::take(&mut self.bars);
        let separates = std::mem::replace(&mut self.bar_separates, bracket == Bracket::Curly);
        let inside = match bracket {
            Bracket::Curly => self.set_of_items(Bracket::Curly),
            Bracket::Group => self.group(),
            Bracket::Floor | Bracket::Ceil => self.rounded(bracket),
            Bracket::Round | Bracket::Square | Bracket::Angle => self.tuple(bracket),
        };
        self.bars = bars;
        self.bar_separates = separates;
        inside
    }

    fn rounded(&mut self, bracket: Bracket) -> Result<Ref, Stop> {
        let inside = self.nested(Self::sized)?;
        self.expect(&Token::Close(bracket))?;
        let function = if bracket == Bracket::Floor { Function::Floor } else { Function::Ceil };
        self.add(Node::Call(function, vec![inside]))
    }

    /// Reads a group of LaTeX; `{n \choose k}` is one, and several items in one are a list.
    fn group(&mut self) -> Result<Ref, Stop> {
        if self.take(&Token::Close(Bracket::Group)) {
            // `{}` is nothing: what follows is the value.
            return self.primary();
        }
        let mut inside = self.nested(Self::list)?;
        if self.take(&Token::Command("choose")) {
            let bottom = self.nested(Self::sized)?;
            inside = self.add(Node::Call(Function::Binomial, vec![inside, bottom]))?;
        } else if self.take(&Token::Command("over")) {
            let bottom = self.nested(Self::sized)?;
            inside = self.add(Node::Quotient(inside, bottom))?;
        }
        if matches!(self.peek(), Some(Token::Sign('|' | ':') | Token::Command("mid"))) {
            return self.builder(inside, Bracket::Group);
        }
        self.expect(&Token::Close(Bracket::Group))?;
        Ok(inside)
    }

    /// Reads a set.
    fn set_of_items(&mut self, bracket: Bracket) -> Result<Ref, Stop> {
        if self.take(&Token::Close(bracket)) {
            return self.add(Node::Empty);
        }
        let is_brace = matches!(self.peek(), Some(Token::Begin("array" | "aligned" | "matrix")));
        let inside = self.nested(Self::list)?;
        if is_brace && self.is_end() && self.peek().is_none() {
            // One brace before equations under each other.
            return Ok(inside);
        }
        if matches!(self.peek(), Some(Token::Sign('|' | ':') | Token::Command("mid"))) {
            return self.builder(inside, bracket);
        }
        self.expect(&Token::Close(bracket))?;
        let items = match self.tree.get(inside) {
            Node::List { items, .. } => items.clone(),
            // `{x : …}` was read as a ratio.
            Node::Ratio(parts) if parts.len() == 2 => {
                let (variable, condition) = (parts[0], parts[1]);
                return self.add(Node::Builder(variable, vec![condition]));
            }
            _ => vec![inside],
        };
        self.add(Node::Set(items))
    }

    /// Reads the conditions of `{x | …}`.
    fn builder(&mut self, variable: Ref, bracket: Bracket) -> Result<Ref, Stop> {
        self.at += 1;
        self.bar_separates = false;
        let conditions = self.nested(Self::list)?;
        self.expect(&Token::Close(bracket))?;
        let conditions = match self.tree.get(conditions) {
            Node::List { items, join: Join::Comma | Join::And } => items.clone(),
            _ => vec![conditions],
        };
        self.add(Node::Builder(variable, conditions))
    }

    /// Reads a bracket with items; one item alone is the item.
    fn tuple(&mut self, open: Bracket) -> Result<Ref, Stop> {
        let inside = self.nested(Self::list)?;
        if open == Bracket::Round && self.take(&Token::Command("choose")) {
            return Err(Stop::Unsupported);
        }
        let close = match self.peek() {
            Some(Token::Close(close @ (Bracket::Round | Bracket::Square | Bracket::Angle))) => {
                *close
            }
            // `[a, b[`: the last bracket looks outwards.
            Some(Token::Open(Bracket::Square)) if open == Bracket::Square => {
                let items = self.items(inside);
                self.at += 1;
                return self.add(Node::Outward { low_open: false, high_open: true, items });
            }
            _ => return Err(Stop::Unsupported),
        };
        self.at += 1;
        match self.tree.get(inside) {
            Node::List { items, join: Join::Comma } => {
                let items = items.clone();
                self.add(Node::Tuple { open, close, items })
            }
            Node::Matrix { .. } => Ok(inside),
            _ if open == close => {
                // `(101)_2` is a number in a base.
                if self.is_sign('_')
                    && let Some(digits) = self.digits_of(inside)
                {
                    return self.based(digits);
                }
                if open == Bracket::Square && matches!(self.tree.get(inside), Node::Tuple { .. }) {
                    return self.add(Node::Tuple { open, close, items: vec![inside] });
                }
                Ok(inside)
            }
            _ => Err(Stop::Unsupported),
        }
    }

    fn items(&self, inside: Ref) -> Vec<Ref> {
        match self.tree.get(inside) {
            Node::List { items, join: Join::Comma } => items.clone(),
            _ => vec![inside],
        }
    }

    /// The digits of a whole number that has been read.
    fn digits_of(&self, at: Ref) -> Option<String> {
        match self.tree.get(at) {
            Node::Number(value) if value.is_integer() => Some(value.to_string()),
            _ => None,
        }
    }

    /// Reads `]a, b[` or `]a, b]`.
    pub(super) fn outward(&mut self) -> Result<Ref, Stop> {
        self.at += 1;
        let inside = self.nested(Self::list)?;
        let items = self.items(inside);
        let high_open = match self.peek() {
            Some(Token::Open(Bracket::Square)) => true,
            Some(Token::Close(Bracket::Square)) => false,
            _ => return Err(Stop::Unsupported),
        };
        self.at += 1;
        self.add(Node::Outward { low_open: true, high_open, items })
    }

    /// Reads an absolute value.
    pub(super) fn absolute(&mut self, bar: &Token<'static>) -> Result<Ref, Stop> {
        self.at += 1;
        self.bars += 1;
        let inside = self.nested(Self::sized);
        self.bars -= 1;
        let inside = inside?;
        self.expect(bar)?;
        self.add(Node::Call(Function::Abs, vec![inside]))
    }

    /// Reads a matrix, or lines that are set under each other.
    pub(super) fn environment(&mut self, kind: &str) -> Result<Ref, Stop> {
        self.at += 1;
        let plain = kind.trim_end_matches('*');
        match plain {
            "matrix" | "pmatrix" | "bmatrix" | "Bmatrix" | "smallmatrix" | "vmatrix"
            | "Vmatrix" | "array" => {}
            "cases" | "aligned" | "align" | "gathered" | "equation" | "split" => {
                return self.lines(kind, plain);
            }
            _ => return Err(Stop::Unsupported),
        }
        if plain == "array" {
            self.column_marks()?;
        }
        let (columns, cells) = self.cells(kind)?;
        // Equations under each other are a list.
        let is_relation = |cell: &Ref| matches!(self.tree.get(*cell), Node::Relations(..));
        if columns == 1 && cells.iter().all(is_relation) {
            return self.joined(cells, Join::Comma);
        }
        if let [only] = cells[..] {
            return Ok(only);
        }
        let matrix = self.add(Node::Matrix { columns, cells })?;
        if plain == "vmatrix" {
            return self.add(Node::Call(Function::Det, vec![matrix]));
        }
        Ok(matrix)
    }

    /// Skips the marks of an array's columns, `{rr|r}`.
    fn column_marks(&mut self) -> Result<(), Stop> {
        self.expect(&Token::Open(Bracket::Group))?;
        while !self.take(&Token::Close(Bracket::Group)) {
            match self.peek() {
                Some(Token::Letter(_) | Token::Word(_) | Token::Sign('|')) => self.at += 1,
                _ => return Err(Stop::Unsupported),
            }
        }
        Ok(())
    }

    /// Reads the cells of a matrix up to its end.
    fn cells(&mut self, kind: &str) -> Result<(usize, Vec<Ref>), Stop> {
        let (mut columns, mut in_row) = (0, 0);
        let mut cells = Vec::new();
        loop {
            self.skip_lines();
            if self.take(&Token::End(kind)) {
                break;
            }
            if cells.len() >= CELLS_MAX {
                return Err(Stop::Limit);
            }
            cells.push(self.nested(Self::statement)?);
            in_row += 1;
            let ends_row = self.take(&Token::Row);
            self.skip_lines();
            let ends = self.peek() == Some(&Token::End(kind));
            if ends_row || ends {
                if columns != 0 && columns != in_row {
                    return Err(Stop::Unsupported);
                }
                (columns, in_row) = (in_row, 0);
            } else {
                self.expect(&Token::Sign('&'))?;
            }
        }
        if cells.is_empty() || in_row != 0 { Err(Stop::Unsupported) } else { Ok((columns, cells)) }
    }

    fn skip_lines(&mut self) {
        while matches!(self.peek(), Some(Token::Command("hline"))) {
            self.at += 1;
        }
    }

    /// Reads lines under each other: the cases of a function, or a list.
    fn lines(&mut self, kind: &str, plain: &str) -> Result<Ref, Stop> {
        let mut parts = Vec::new();
        while !self.take(&Token::End(kind)) {
            if matches!(self.peek(), Some(Token::Sign('&' | ',') | Token::Row))
                || self.is_word(&["if", "for", "when", "otherwise"])
            {
                self.at += 1;
                continue;
            }
            if parts.len() >= CELLS_MAX {
                return Err(Stop::Limit);
            }
            let mut line = self.statement()?;
            // `y &= 2x`: the mark stands inside of a statement.
            if self.is_sign('&') && matches!(self.peek_at(1), Some(Token::Relation(_))) {
                self.at += 1;
                let Some(Token::Relation(relation)) = self.peek() else {
                    return Err(Stop::Unsupported);
                };
                let relation: Relation = *relation;
                self.at += 1;
                let right = self.nested(Self::sized)?;
                line = self.add(Node::Relations(line, vec![(relation, right)]))?;
            }
            parts.push(line);
        }
        let is_relation = |part: &Ref| matches!(self.tree.get(*part), Node::Relations(..));
        if plain == "cases" && !parts.iter().all(is_relation) {
            return self.add(Node::Opaque("cases".to_owned(), parts));
        }
        self.joined(parts, Join::Comma)
    }
}
