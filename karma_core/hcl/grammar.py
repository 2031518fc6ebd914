"""Terraform's expressions: the grammar of HCL's native syntax, with its precedence and its errors.

It follows HCL's own parser (hclsyntax), so that an error stands on the line where Terraform reports it.
"""

from __future__ import annotations

from typing import Final

from karma_core.hcl import nodes, templates
from karma_core.hcl.nodes import Node
from karma_core.hcl.scanner import Scanner, SyntaxFault, Token

MAX_NESTING: Final = 100
"""How deep expressions may nest. Ours: a fifth of what Python's stack allows; real ones nest a dozen deep."""
_PRECEDENCE: Final = {
    sign: level
    for level, signs in enumerate(
        (("||",), ("&&",), ("==", "!="), ("<", ">", "<=", ">="), ("+", "-"), ("*", "/", "%")), 1
    )
    for sign in signs
}
_KEYWORDS: Final = {"true": True, "false": False, "null": None}


def expression(scanner: Scanner) -> Node:
    """The expression that begins here: SyntaxFault."""
    condition = _binary(scanner, 1)
    if not scanner.take("?"):
        return condition
    yes = expression(scanner)
    scanner.expect(":", "a conditional needs a second result, after a colon")
    no = expression(scanner)
    return nodes.Conditional(condition.start, no.end, condition, yes, no)


def _binary(scanner: Scanner, level: int) -> Node:
    """Operators of this precedence and above, left before right."""
    left = _applied(scanner, _term(scanner))
    while True:
        operator = scanner.peek().kind
        precedence = _PRECEDENCE.get(operator, 0)
        if precedence < level:
            return left
        scanner.read()
        right = _binary(scanner, precedence + 1)
        left = nodes.Operation(left.start, right.end, operator, (left, right))


def _term(scanner: Scanner) -> Node:
    token = scanner.peek()
    make = _TERMS.get(token.kind)
    if make is None:
        raise SyntaxFault("expected the start of an expression", token.start)
    if scanner.depth >= MAX_NESTING:
        raise SyntaxFault(f"expressions are nested deeper than {MAX_NESTING} levels", token.start)
    scanner.read()
    scanner.depth += 1
    term = make(scanner, token)
    scanner.depth -= 1
    return term


def _identifier(scanner: Scanner, token: Token) -> Node:
    if scanner.peek().kind in ("(", "::"):
        return _call(scanner, token)
    if token.text in _KEYWORDS:
        return nodes.Keyword(token.start, token.end, _KEYWORDS[token.text])
    return nodes.Variable(token.start, token.end, token.text)


def _number(_: Scanner, token: Token) -> Node:
    return nodes.Number(token.start, token.end, token.text)


def _parentheses(scanner: Scanner, token: Token) -> Node:
    with scanner.newlines(ignored=True):
        inner = expression(scanner)
        close = scanner.expect(")", "expected a closing parenthesis")
    return nodes.Parentheses(token.start, close.end, inner)


def _unary(scanner: Scanner, token: Token) -> Node:
    operand = _applied(scanner, _term(scanner))
    return nodes.Operation(token.start, operand.end, token.text, (operand,))


def _call(scanner: Scanner, name: Token) -> Node:
    parts = [name.text]
    while scanner.take("::"):
        parts.append(scanner.expect("identifier", "a function's name is expected here").text)
    scanner.expect("(", "expected an opening parenthesis")
    with scanner.newlines(ignored=True):
        arguments, spread = _arguments(scanner, name)
        close = scanner.expect(")", "expected a closing parenthesis")
    return nodes.Call(name.start, close.end, "::".join(parts), tuple(arguments), spread)


def _arguments(scanner: Scanner, name: Token) -> tuple[list[Node], bool]:
    """(the arguments, whether the last is spread)."""
    arguments: list[Node] = []
    while scanner.peek().kind != ")":
        arguments.append(expression(scanner))
        if spread := scanner.take("..."):
            if scanner.peek().kind != ")":
                raise SyntaxFault("nothing but a parenthesis may follow `...`", spread.start)
            return arguments, True
        if scanner.peek().kind == "end":
            raise SyntaxFault("there is no closing parenthesis of this call", name.start)
        if scanner.peek().kind != ")":
            scanner.expect(",", "expected a comma between arguments")
    return arguments, False


def _applied(scanner: Scanner, of: Node) -> Node:
    """A value and what follows it: attributes, indexes, splats."""
    while True:
        if scanner.take("."):
            of = _dotted(scanner, of)
        elif scanner.take("["):
            of = _bracketed(scanner, of)
        else:
            return of


def _dotted(scanner: Scanner, of: Node) -> Node:
    token = scanner.read()
    if token.kind == "identifier":
        return nodes.GetAttr(of.start, token.end, of, token.text)
    if token.kind == "number":
        return _legacy_index(of, token)
    if token.kind == "*":
        each: Node = nodes.Item(token.end, token.end)
        while scanner.take("."):
            each = _dotted(scanner, each)
        return nodes.Splat(of.start, scanner.last_end, of, each)
    raise SyntaxFault("an attribute's name is required after a dot", token.start)


def _legacy_index(of: Node, token: Token) -> Node:
    """`list.0`, and `list.0.1`, which is scanned as one number."""
    for part in token.text.split("."):
        if not part.isdigit():
            raise SyntaxFault("an index must be a whole number", token.start)
        of = nodes.Index(of.start, token.end, of, nodes.Number(token.start, token.end, part))
    return of


def _bracketed(scanner: Scanner, of: Node) -> Node:
    with scanner.newlines(ignored=True):
        key = None if scanner.take("*") else expression(scanner)
        if scanner.peek().kind != "]":
            raise SyntaxFault("expected a closing bracket", scanner.next_bracket())
        scanner.read()
    end = scanner.last_end
    if key is not None:
        return nodes.Index(of.start, end, of, key)
    each = _applied(scanner, nodes.Item(end, end))
    return nodes.Splat(of.start, scanner.last_end, of, each)


def _tuple(scanner: Scanner, opening: Token) -> Node:
    with scanner.newlines(ignored=True):
        if _is_for(scanner.peek()):
            return _for(scanner, opening, "]")
        items: list[Node] = []
        while not scanner.take("]"):
            items.append(expression(scanner))
            token = scanner.peek()
            if token.kind == "end":
                raise SyntaxFault("there is no closing bracket of this list", opening.start)
            if token.kind != "]":
                scanner.expect(",", "expected a comma before the next item")
        end = scanner.last_end
    return nodes.Tuple(opening.start, end, tuple(items))


def _object(scanner: Scanner, opening: Token) -> Node:
    with scanner.newlines(ignored=True):
        if _is_for(scanner.peek()):
            return _for(scanner, opening, "}")
    with scanner.newlines(ignored=False):
        items: list[tuple[Node, Node]] = []
        while True:
            while scanner.take("newline"):
                pass
            if scanner.take("}"):
                break
            if scanner.peek().kind == "end":
                raise SyntaxFault("there is no closing brace of this object", opening.start)
            items.append(_item(scanner, opening))
        end = scanner.last_end
    return nodes.Object(opening.start, end, tuple(items))


def _item(scanner: Scanner, opening: Token) -> tuple[Node, Node]:
    key = expression(scanner)
    if isinstance(key, nodes.Variable | nodes.Keyword):  # one word is its own name
        key = nodes.Text(key.start, key.end, scanner.text[key.start : key.end])
    token = scanner.peek()
    if not scanner.take("=", ":"):
        raise SyntaxFault("expected an equals sign between the key and its value", token.start)
    value = expression(scanner)
    token = scanner.peek()
    if token.kind == "end":
        raise SyntaxFault("there is no closing brace of this object", opening.start)
    if token.kind not in (",", "newline", "}"):
        raise SyntaxFault("expected a new line or a comma before the next key", token.start)
    scanner.take(",", "newline")
    return key, value


def _is_for(token: Token) -> bool:
    return token.kind == "identifier" and token.text == "for"


def _for(scanner: Scanner, opening: Token, closing: str) -> Node:
    scanner.read()
    key, value, of = loop_head(scanner)
    scanner.expect(":", "expected a colon after what `for` goes through")
    result = expression(scanner)
    key_result = None
    if closing == "}":
        scanner.expect("=>", "expected `=>` between the key and the value of an object's item")
        key_result, result = result, expression(scanner)
    grouped = scanner.take("...") is not None
    condition = None
    if scanner.peek().text == "if" and scanner.take("identifier"):
        condition = expression(scanner)
    close = scanner.expect(closing, f"expected `{closing}` at the end of `for`")
    return nodes.For(opening.start, close.end, of, key, value, result, key_result, condition, grouped=grouped)


def loop_head(scanner: Scanner) -> tuple[str, str, Node]:
    """`key, value in of`, or `value in of` with an empty key."""
    key, value = "", scanner.expect("identifier", "`for` needs a variable's name").text
    if scanner.take(","):
        key, value = value, scanner.expect("identifier", "`for` needs a second variable's name").text
    word = scanner.read()
    if word.text != "in":
        raise SyntaxFault("expected `in` after the variables of `for`", word.start)
    return key, value, expression(scanner)


def _quoted(scanner: Scanner, token: Token) -> Node:
    return templates.quoted(scanner, token, expression, loop_head)


def _heredoc(scanner: Scanner, token: Token) -> Node:
    return templates.heredoc(scanner, token, expression, loop_head)


_TERMS: Final = {
    "identifier": _identifier,
    "number": _number,
    "(": _parentheses,
    "-": _unary,
    "!": _unary,
    "[": _tuple,
    "{": _object,
    '"': _quoted,
    "heredoc": _heredoc,
}
