//! How deep the control structures of a function stand inside one another.

use syn::visit::{self, Visit};

/// The greatest depth in `body`: `if`, `match`, loops and closures with a block each add one; an `else if` is as deep as its `if`, and a function
/// inside the function is measured by itself.
pub(crate) fn depth(body: &syn::Block) -> usize {
    let mut meter = Meter::default();
    meter.visit_block(body);
    meter.deepest
}

#[derive(Default)]
struct Meter {
    now: usize,
    deepest: usize,
}

impl Meter {
    fn deeper(&mut self, inside: impl FnOnce(&mut Self)) {
        self.now += 1;
        self.deepest = self.deepest.max(self.now);
        inside(self);
        self.now -= 1;
    }
}

impl<'ast> Visit<'ast> for Meter {
    fn visit_expr_if(&mut self, node: &'ast syn::ExprIf) {
        self.visit_expr(&node.cond);
        self.deeper(|meter| meter.visit_block(&node.then_branch));
        let Some((_, other)) = &node.else_branch else {
            return;
        };
        if let syn::Expr::If(chained) = other.as_ref() {
            self.visit_expr_if(chained);
        } else {
            self.deeper(|meter| meter.visit_expr(other));
        }
    }

    fn visit_expr_match(&mut self, node: &'ast syn::ExprMatch) {
        self.visit_expr(&node.expr);
        self.deeper(|meter| node.arms.iter().for_each(|arm| meter.visit_arm(arm)));
    }

    fn visit_expr_for_loop(&mut self, node: &'ast syn::ExprForLoop) {
        self.visit_expr(&node.expr);
        self.deeper(|meter| meter.visit_block(&node.body));
    }

    fn visit_expr_while(&mut self, node: &'ast syn::ExprWhile) {
        self.visit_expr(&node.cond);
        self.deeper(|meter| meter.visit_block(&node.body));
    }

    fn visit_expr_loop(&mut self, node: &'ast syn::ExprLoop) {
        self.deeper(|meter| meter.visit_block(&node.body));
    }

    fn visit_expr_closure(&mut self, node: &'ast syn::ExprClosure) {
        if matches!(node.body.as_ref(), syn::Expr::Block(_)) {
            self.deeper(|meter| visit::visit_expr_closure(meter, node));
        } else {
            visit::visit_expr_closure(self, node);
        }
    }

    fn visit_item(&mut self, _: &'ast syn::Item) {}
}

#[cfg(test)]
mod tests {
    use super::depth;

    #[test]
    fn structures_count_blocks_do_not() {
        let cases = [
            ("{ a(); { b(); } }", 0),
            ("{ if a { b() } else if c { d() } else { e() } }", 1),
            ("{ if a { b() } else { if c { d() } } }", 2),
            ("{ match a { B => loop { c() } } }", 2),
            ("{ a.map(|b| { if c { d() } }) }", 2),
            ("{ a.map(|b| c(b)) }", 0),
            ("{ async { while a { b().await } } }", 1),
            ("{ if match a { _ => b } { c() } }", 1),
            ("{ loop { fn f() { loop { loop {} } } } }", 1),
        ];
        for (text, wanted) in cases {
            assert_eq!(depth(&syn::parse_str(text).unwrap()), wanted, "{text}");
        }
    }
}
