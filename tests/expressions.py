"""Made-up expressions of Terraform's language, from one seed: many fail in some corner."""

from __future__ import annotations

import random
from collections.abc import Callable

WORDS = ("a", "b", "Core", "x-1", "10", "true", "", " z ", "a.b", "/iac/x", "é", "3.5", "no", "a,b", "$${x}")
PREFIXES = ("10.0.0.0/8", "192.168.4.0/22", "fd00::/48", "10.1.2.3/24", "300.1.1.1/8")
PATTERNS = ("[a-z]+", "^(a)(b)?", "(?P<k>[a-z])", "\\\\d+$", "[^/]+", "x*")
FORMATS = ("%s-%s", "%d", "%v|%v", "%q", "%5s", "%03d", "%%", "%t")
INTERPOLATIONS = ("${%s}", "x${%s}y", "${~ %s ~} z", "%%{ if %s }yes%%{ else }no%%{ endif }")


class Expressions:
    """Makes expressions. `depth` is how deep the next one may nest."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._makers: dict[str, tuple[Callable[[int], str], ...]] = {
            "string": (self._word, self._template, self._text_call, self._choice_of("string")),
            "number": (self._digits, self._sum, self._number_call, self._choice_of("number")),
            "bool": (self._truth, self._comparison, self._logic, self._bool_call, self._choice_of("bool")),
            "list": (self._tuple, self._for, self._list_call, self._splat, self._choice_of("list")),
            "object": (self._object, self._for_object, self._object_call, self._choice_of("object")),
        }

    def next(self) -> str:
        """One more expression."""
        return self._any(4)

    def _one(self, *of: str) -> str:
        return self._random.choice(of)

    def _any(self, depth: int) -> str:
        return self._of(self._random.choice(tuple(self._makers)), depth)

    def _of(self, kind: str, depth: int) -> str:
        """An expression of a kind, and now and then of another."""
        if self._random.random() < 0.08:
            kind = self._random.choice(tuple(self._makers))
        makers = self._makers[kind]
        return makers[0](depth) if depth <= 0 else self._random.choice(makers)(depth - 1)

    def _choice_of(self, kind: str) -> Callable[[int], str]:
        """A conditional, an element, an attribute, or what stands in for another value."""

        def make(depth: int) -> str:
            one, other = self._of(kind, depth), self._of(kind, depth)
            return self._one(
                f"({self._of('bool', depth)} ? {one} : {other})",
                f"(true ? {one} : {self._any(depth)})",
                f"[{one}, {other}][{self._one('0', '1', '2', '-1')}]",
                f"{{ k = {one}, l = {other} }}.{self._one('k', 'l', 'm')}",
                f'{{ k = {one} }}["k"]',
                f"try({{ k = {one} }}.{self._one('k', 'n')}, {other})",
                f"coalesce({one}, {other})",
                f"element([{one}, {other}], {self._of('number', 0)})",
                f'lookup({{ k = {one} }}, "{self._one("k", "n")}", {other})',
                f"one([{one}])",
                f"({one})",
            )

        return make

    def _word(self, _: int) -> str:
        return f'"{self._random.choice(WORDS)}"' if self._random.random() < 0.95 else "null"

    def _template(self, depth: int) -> str:
        inner = self._random.choice(INTERPOLATIONS) % self._of(self._one("string", "number", "bool"), depth)
        if self._random.random() < 0.2:
            inner = f"%{{ for i, v in {self._of('list', depth)} ~}} ${{i}} %{{ endfor ~}} ."
        return f'"{inner}"'

    def _text_call(self, depth: int) -> str:
        text, other, number = self._of("string", depth), self._of("string", depth), self._of("number", 0)
        pattern, spec, prefix = map(self._random.choice, (PATTERNS, FORMATS, PREFIXES))
        name = self._one("lower", "upper", "title", "trimspace", "chomp", "strrev", "basename", "dirname")
        coded = self._one("md5", "sha1", "sha256", "base64encode", "urlencode", "base64sha256", "sha512")
        return self._one(
            f"{name}({text})",
            f"{coded}({text})",
            f"base64decode(base64encode({text}))",
            f"{self._one('trim', 'trimprefix', 'trimsuffix')}({text}, {other})",
            f"replace({text}, {other}, {self._of('string', 0)})",
            f'replace({text}, "/{pattern}/", "<${{1}}>")',
            f"substr({text}, {number}, {self._of('number', 0)})",
            f'regex("{pattern}", {text})',
            f'format("{spec}", {self._any(0)})',
            f'format("{spec}", {self._any(0)}, {self._of("number", 0)})',
            f'join("-", {self._of("list", depth)})',
            f"indent({self._one('0', '2', '4')}, {text})",
            f"jsonencode({self._any(depth)})",
            f"tostring({self._any(depth)})",
            f'cidrhost("{prefix}", {number})',
            f'cidrsubnet("{prefix}", {number}, {self._of("number", 0)})',
            f'cidrnetmask("{prefix}")',
            f'uuidv5("dns", {text})',
            f'templatestring("{self._random.choice(WORDS)}-$${{v}}", {{ v = {text} }})',
        )

    def _digits(self, _: int) -> str:
        return self._one(
            "0", "1", "2", "3", "10", "0.1", "2.50", "1e3", "1.5E-2", "-1", "-2.25", "9007199254740993"
        )

    def _sum(self, depth: int) -> str:
        operator = self._one("+", "-", "*", "/", "%")
        return f"({self._of('number', depth)} {operator} {self._of('number', depth)})"

    def _number_call(self, depth: int) -> str:
        one, other = self._of("number", depth), self._of("number", depth)
        return self._one(
            f"{self._one('abs', 'ceil', 'floor', 'signum')}({one})",
            f"{self._one('min', 'max')}({one}, {other})",
            f"length({self._of(self._one('list', 'object', 'string'), depth)})",
            f"sum({self._of('list', depth)})",
            f"tonumber({self._of(self._one('string', 'number'), depth)})",
            f"parseint({self._of('string', 0)}, {self._one('2', '10', '16', '36')})",
            f"index({self._of('list', depth)}, {self._any(0)})",
            f"-{one}",
        )

    def _truth(self, _: int) -> str:
        return self._one("true", "false", "true", "false", '"true"')

    def _comparison(self, depth: int) -> str:
        kind = self._random.choice(tuple(self._makers))
        one, other = self._of(kind, depth), self._of(kind, depth)
        left, right = self._of("number", depth), self._of("number", depth)
        return self._one(
            f"({one} {self._one('==', '!=')} {other})", f"({left} {self._one('<', '<=', '>', '>=')} {right})"
        )

    def _logic(self, depth: int) -> str:
        one, other = self._of("bool", depth), self._of("bool", depth)
        return self._one(f"({one} && {other})", f"({one} || {other})", f"!{one}")

    def _bool_call(self, depth: int) -> str:
        text, items = self._of("string", depth), self._of("list", depth)
        return self._one(
            f"{self._one('startswith', 'endswith', 'strcontains')}({text}, {self._of('string', 0)})",
            f"contains({items}, {self._any(0)})",
            f"{self._one('alltrue', 'anytrue')}([{self._of('bool', depth)}, {self._of('bool', depth)}])",
            f"can({self._any(depth)})",
            f"tobool({self._of(self._one('bool', 'string'), depth)})",
        )

    def _tuple(self, depth: int) -> str:
        kind = self._random.choice(("string", "number", "string", "bool"))
        count = self._random.randint(0, 3)
        return "[" + ", ".join(self._of(kind, depth) for _ in range(count)) + "]"

    def _for(self, depth: int) -> str:
        of, result = (
            self._of(self._one("list", "object"), depth),
            self._one("v", "k", '"${k}-x"', "[v]", "{ a = v }"),
        )
        condition = self._one("", "", f" if {self._of('bool', 0)}", " if v != null", " if can(upper(v))")
        return f"[for k, v in {of} : {result}{condition}]"

    def _splat(self, depth: int) -> str:
        return self._one(
            f"[{{ a = {self._any(0)} }}, {{ a = {self._any(0)} }}][*].a",
            f"[{{ a = {self._any(0)} }}].*.a",
            f"{self._any(depth)}[*]",
        )

    def _list_call(self, depth: int) -> str:
        one, other, number = self._of("list", depth), self._of("list", depth), self._of("number", 0)
        return self._one(
            f"concat({one}, {other})",
            f"{self._one('distinct', 'compact', 'reverse', 'sort', 'flatten', 'tolist', 'toset')}({one})",
            f"flatten([{one}, [{other}]])",
            f"slice({one}, {number}, {self._of('number', 0)})",
            f"chunklist({one}, {number})",
            f"{self._one('setunion', 'setintersection', 'setsubtract')}({one}, {other})",
            f"setproduct({one}, {other})",
            f"{self._one('keys', 'values')}({self._of('object', depth)})",
            f"split({self._of('string', 0)}, {self._of('string', depth)})",
            f"range({number})",
            f"range({number}, {self._of('number', 0)})",
            f'regexall("{self._random.choice(PATTERNS)}", {self._of("string", depth)})',
            f'formatlist("{self._random.choice(FORMATS)}", {one})',
            f"coalescelist({one}, {other})",
            f"matchkeys({one}, {other}, {self._of('list', 0)})",
            f"jsondecode(jsonencode({one}))",
            f'cidrsubnets("{self._random.choice(PREFIXES)}", {number}, {self._one("2", "4")})',
            f"csvdecode({self._one(chr(34) + 'a,b' + chr(92) + 'n1,2' + chr(34), self._of('string', 0))})",
        )

    def _object(self, depth: int) -> str:
        names = self._random.sample(("a", "b", "c", '"d-e"'), self._random.randint(0, 3))
        return "{" + ", ".join(f" {name} = {self._any(depth)}" for name in names) + " }"

    def _for_object(self, depth: int) -> str:
        of, key = self._of(self._one("list", "object"), depth), self._one('"${k}"', "v", "k")
        return f"{{ for k, v in {of} : {key} => v{self._one('', '...')} }}"

    def _object_call(self, depth: int) -> str:
        one, other = self._of("object", depth), self._of("object", depth)
        return self._one(
            f"merge({one}, {other})",
            f"tomap({one})",
            f"zipmap({self._of('list', depth)}, {self._of('list', depth)})",
            f"jsondecode(jsonencode({one}))",
            f"transpose({{ a = {self._of('list', depth)} }})",
        )
