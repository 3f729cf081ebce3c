"""Translate modules of checks/lint to JavaScript.

So the page and the command are one implementation. It knows the part of Python that those modules use, and raises an
error at anything else. `lint_runtime.js` has the functions that Python has and JavaScript lacks.
"""

from __future__ import annotations

import ast
import json
from collections import Counter
from string import ascii_letters
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

RESERVED = {"default", "case", "new", "delete", "function", "var", "switch", "this", "typeof", "void", "const", "let"}
HELPERS = {
    *("len", "any", "all", "enumerate", "range", "sorted", "max", "min", "zip", "reversed", "list", "str", "round"),
    *("int", "float", "bool", "next", "sum", "isinstance", "dict"),
}
METHODS = {
    *("append", "strip", "lstrip", "rstrip", "split", "rsplit", "startswith", "endswith", "lower", "upper", "replace"),
    *("join", "index", "count", "sort", "items", "keys", "values", "get", "setdefault", "removeprefix", "removesuffix"),
    *("search", "start", "end", "groups", "pop", "insert"),
}
"""Methods of texts, lists, dicts and matches; lint_runtime.js has each as a function."""
YES_OR_NO = {"startswith", "endswith", "any", "all", "bool", "isinstance"}


ON_PAGE = ("nginx", "apache", "haproxy")
"""The kinds of configuration that the page reads: all their modules can be translated."""
IN_THE_RUNTIME = {"patterns"}
"""Modules that lint_runtime.js has, because JavaScript needs other code there."""


SHORT = [*ascii_letters, *(f"{one}{other}" for one in "abc" for other in ascii_letters)]
"""Names for the variables of a function, so that the page loads less."""


class UnknownError(ValueError):
    """The translation does not know this part of Python."""

    def __init__(self, node: ast.AST) -> None:
        super().__init__(f"line {getattr(node, 'lineno', '?')}: {type(node).__name__}")


class Module:
    """One module of Python, as JavaScript."""

    def __init__(self, name: str, source: str, signatures: dict[str, list[str]]) -> None:
        self.name, self.signatures = name, signatures
        self.tree = ast.parse(source)
        self.names: list[str] = []
        self.renamed: dict[str, str] = {}

    @property
    def imported(self) -> list[str]:
        """The other modules of the folder that this one imports."""
        found = [node for node in self.tree.body if isinstance(node, ast.ImportFrom) and node.level]
        return [
            name for node in found for name in ([node.module] if node.module else [each.name for each in node.names])
        ]

    def declare(self) -> None:
        """Remember the parameters of functions, for keyword arguments."""
        for node in self.tree.body:
            if isinstance(node, ast.ClassDef):
                self.signatures[node.name] = [each.target.id for each in node.body if isinstance(each, ast.AnnAssign)]
            elif isinstance(node, ast.FunctionDef):
                own = [each.arg for each in [*node.args.args, *node.args.kwonlyargs]]
                self.signatures.setdefault(node.name, own)

    def script(self) -> str:
        """Return a constant with everything that the module defines."""
        self.own = {
            node.name: [each.arg for each in [*node.args.args, *node.args.kwonlyargs]]
            for node in self.tree.body
            if isinstance(node, ast.FunctionDef)
        }
        body = "".join(filter(None, map(self._top, self.tree.body)))
        return f"const {self.name}_=(()=>{{{body}return{{{','.join(self.names)}}}}})();\n"

    def _top(self, node: ast.stmt) -> str:  # noqa: PLR0911
        """Return a statement of the module itself."""
        if isinstance(node, ast.ImportFrom):
            if not node.level:
                return ""
            if not node.module:
                return "".join(f"const {alias.name}={alias.name}_;" for alias in node.names)
            wanted = [alias.name for alias in node.names]
            self.names += [name for name in wanted if name not in self.names]
            return f"const {{{','.join(map(self._name_of, wanted))}}}={node.module}_;"
        if isinstance(node, ast.ClassDef):
            self.names.append(node.name)
            return self._record(node)
        if isinstance(node, ast.FunctionDef):
            self.names.append(node.name)
            return self._function(node)
        if isinstance(node, ast.Assign | ast.AnnAssign):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if target.id == "__all__":
                return ""
            self.names.append(target.id)
            return f"const {target.id}={self._value(node.value)};"
        if isinstance(node, ast.Import | ast.Expr):
            return ""
        raise UnknownError(node)

    def _record(self, node: ast.ClassDef) -> str:
        """Return a function that makes a record with the fields of a dataclass."""
        fields = [each for each in node.body if isinstance(each, ast.AnnAssign)]
        parts = [each.target.id + (f"={self._initial(each.value)}" if each.value else "") for each in fields]
        return f"const {node.name}=({','.join(parts)})=>({{{','.join(each.target.id for each in fields)}}});"

    def _initial(self, node: ast.expr) -> str:
        if isinstance(node, ast.Call) and node.func.id == "field":
            made = next(each.value for each in node.keywords if each.arg == "default_factory")
            return {"list": "[]", "dict": "new Map()"}[made.id]
        return self._value(node)

    def _function(self, node: ast.FunctionDef) -> str:
        """Return a function; its variables are declared at its start, as in Python."""
        given = [*node.args.args, *node.args.kwonlyargs]
        names = {each.arg for each in given}
        inner = list(ast.walk(node))
        own = sorted({each.id for each in inner if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)})
        self.renamed = dict(zip(Counter(_locals(inner)), SHORT, strict=False))
        declared = [self._name_of(name) for name in own if name not in names]
        start = f"let {','.join(declared)};" if declared else ""
        parameters = ",".join(self._name_of(each.arg) for each in given)
        script = f"function {node.name}({parameters}){{{start}{self._block(node.body)}}}"
        self.renamed = {}
        return script

    def _block(self, body: list[ast.stmt]) -> str:
        return "".join(map(self._statement, body))

    def _statement(self, node: ast.stmt) -> str:
        """Return one statement."""
        kind = type(node).__name__
        simple = {"Pass": ";", "Break": "break;", "Continue": "continue;", "Assert": "", "Delete": "", "ImportFrom": ""}
        if getattr(node, "orelse", ()) and not isinstance(node, ast.If):
            raise UnknownError(node)
        return simple[kind] if kind in simple else self._known("_do", node)

    def _known(self, what: str, node: ast.AST) -> str:
        """Return the translation of a node by the method for its type."""
        method = getattr(self, f"{what}_{type(node).__name__.lower()}", None)
        if not method:
            raise UnknownError(node)
        return str(method(node))

    def _do_expr(self, node: ast.Expr) -> str:
        return "" if isinstance(node.value, ast.Constant) else f"{self._value(node.value)};"

    def _do_return(self, node: ast.Return) -> str:
        return f"return {self._value(node.value)};" if node.value else "return null;"

    def _do_if(self, node: ast.If) -> str:
        other = f"else{{{self._block(node.orelse)}}}" if node.orelse else ""
        return f"if({self._test(node.test)}){{{self._block(node.body)}}}{other}"

    def _do_while(self, node: ast.While) -> str:
        return f"while({self._test(node.test)}){{{self._block(node.body)}}}"

    def _do_for(self, node: ast.For) -> str:
        return f"for({self._target(node.target)} of $.iter({self._value(node.iter)})){{{self._block(node.body)}}}"

    def _do_annassign(self, node: ast.AnnAssign) -> str:
        return f"{self._assigned(node.target, self._value(node.value))};" if node.value else ""

    def _do_assign(self, node: ast.Assign) -> str:
        return f"{self._assigned(node.targets[0], self._value(node.value))};"

    def _do_augassign(self, node: ast.AugAssign) -> str:
        change = {ast.Add: "iadd", ast.Sub: "isub"}.get(type(node.op))
        if not change:
            raise UnknownError(node)
        return f"{self._assigned(node.target, f'$.{change}({self._value(node.target)},{self._value(node.value)})')};"

    def _assigned(self, target: ast.expr, value: str) -> str:
        if isinstance(target, ast.Subscript):
            return f"$.put({self._value(target.value)},{self._value(target.slice)},{value})"
        if isinstance(target, ast.Tuple) and any(isinstance(each, ast.Subscript) for each in target.elts):
            parts = [self._assigned(each, f"$t[{place}]") for place, each in enumerate(target.elts)]
            return f"{{const $t={value};{';'.join(parts)}}}"
        return f"{self._target(target)}={value}"

    def _target(self, node: ast.expr) -> str:
        if isinstance(node, ast.Tuple):
            return f"[{','.join(map(self._target, node.elts))}]"
        return self._value(node)

    def _name_of(self, name: str) -> str:
        return self.renamed.get(name) or (f"{name}$" if name in RESERVED else name)

    def _test(self, node: ast.expr) -> str:
        """Return a condition: in Python, empty lists and dicts are false."""
        if isinstance(node, ast.BoolOp):
            sign = "&&" if isinstance(node.op, ast.And) else "||"
            return f"({sign.join(map(self._test, node.values))})"
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return f"!{self._test(node.operand)}"
        called = getattr(node.func, "attr", getattr(node.func, "id", "")) if isinstance(node, ast.Call) else ""
        if isinstance(node, ast.Compare) or called in YES_OR_NO:
            return self._value(node)
        return f"$.T({self._value(node)})"

    def _value(self, node: ast.expr) -> str:
        """Return one expression."""
        return self._known("_of", node)

    def _of_constant(self, node: ast.Constant) -> str:
        known = {None: "null", True: "true", False: "false"}
        if node.value is None or isinstance(node.value, bool):
            return known[node.value]
        return json.dumps(node.value, ensure_ascii=False)

    def _of_name(self, node: ast.Name) -> str:
        return f"$.{node.id}" if node.id in HELPERS else self._name_of(node.id)

    def _of_attribute(self, node: ast.Attribute) -> str:
        if isinstance(node.value, ast.Name) and node.value.id == "re":
            return f"$.re_{node.attr}"
        return f"{self._value(node.value)}.{node.attr}"

    def _of_subscript(self, node: ast.Subscript) -> str:
        if isinstance(node.slice, ast.Slice):
            parts = [self._value(each) if each else "undefined" for each in (node.slice.lower, node.slice.upper)]
            every = f".filter((_,$n)=>$n%{self._value(node.slice.step)}===0)" if node.slice.step else ""
            return f"{self._value(node.value)}.slice({','.join(parts)}){every}"
        return f"$.at({self._value(node.value)},{self._value(node.slice)})"

    def _of_list(self, node: ast.List | ast.Tuple) -> str:
        return f"[{','.join(map(self._value, node.elts))}]"

    _of_tuple = _of_list

    def _of_starred(self, node: ast.Starred) -> str:
        return f"...$.iter({self._value(node.value)})"

    def _of_dict(self, node: ast.Dict) -> str:
        pairs = [
            f"[{self._value(key)},{self._value(value)}]" if key else f"...{self._value(value)}"
            for key, value in zip(node.keys, node.values, strict=True)
        ]
        return f"new Map([{','.join(pairs)}])"

    def _of_joinedstr(self, node: ast.JoinedStr) -> str:
        odd = next((each for each in node.values if getattr(each, "format_spec", None)), None)
        if odd:
            raise UnknownError(odd)
        parts = [
            json.dumps(each.value, ensure_ascii=False)
            if isinstance(each, ast.Constant)
            else f"$.str({self._value(each.value)})"
            for each in node.values
        ]
        return f"({'+'.join([repr(''), *parts])})"

    def _of_boolop(self, node: ast.BoolOp) -> str:
        which = "and" if isinstance(node.op, ast.And) else "or"
        result = self._value(node.values[-1])
        for each in reversed(node.values[:-1]):
            result = f"$.{which}({self._value(each)},()=>{result})"
        return result

    def _of_unaryop(self, node: ast.UnaryOp) -> str:
        return f"!{self._test(node.operand)}" if isinstance(node.op, ast.Not) else f"-{self._value(node.operand)}"

    def _of_ifexp(self, node: ast.IfExp) -> str:
        return f"({self._test(node.test)}?{self._value(node.body)}:{self._value(node.orelse)})"

    def _of_binop(self, node: ast.BinOp) -> str:
        left, right = self._value(node.left), self._value(node.right)
        if isinstance(node.op, ast.Add | ast.Mult):
            return f"$.{'add' if isinstance(node.op, ast.Add) else 'mul'}({left},{right})"
        signs = {ast.Sub: "-", ast.Div: "/", ast.Mod: "%"}
        if type(node.op) not in signs:
            raise UnknownError(node)
        return f"({left}{signs[type(node.op)]}{right})"

    def _of_compare(self, node: ast.Compare) -> str:
        parts = []
        left = node.left
        for operator, right in zip(node.ops, node.comparators, strict=True):
            parts.append(self._compared(left, operator, right))
            left = right
        return f"({'&&'.join(parts)})"

    def _compared(self, left: ast.expr, operator: ast.cmpop, right: ast.expr) -> str:
        one, two = self._value(left), self._value(right)
        if type(operator).__name__.endswith("In"):
            return f"{'' if isinstance(operator, ast.In) else '!'}$.has({two},{one})"
        if isinstance(operator, ast.Is | ast.IsNot):
            sign = "==" if two == "null" else "==="
            return f"{one}{sign if isinstance(operator, ast.Is) else '!' + sign[1:]}{two}"
        if isinstance(operator, ast.Eq | ast.NotEq):
            same = isinstance(operator, ast.Eq)
            if any(isinstance(each, ast.Constant) for each in (left, right)):
                return f"{one}{'===' if same else '!=='}{two}"
            return f"{'' if same else '!'}$.eq({one},{two})"
        return f"{one}{ {ast.Lt: '<', ast.LtE: '<=', ast.Gt: '>', ast.GtE: '>='}[type(operator)] }{two}"

    def _of_lambda(self, node: ast.Lambda) -> str:
        return f"({','.join(self._name_of(each.arg) for each in node.args.args)})=>{self._value(node.body)}"

    def _of_listcomp(self, node: ast.ListComp | ast.GeneratorExp) -> str:
        return self._loops(list(node.generators), self._value(node.elt))

    _of_generatorexp = _of_listcomp

    def _of_dictcomp(self, node: ast.DictComp) -> str:
        return f"new Map({self._loops(list(node.generators), f'[{self._value(node.key)},{self._value(node.value)}]')})"

    def _loops(self, generators: list[ast.comprehension], result: str) -> str:
        """Return nested loops of a comprehension as map and filter."""
        first, *rest = generators
        names = self._target(first.target)
        names = f"({names})"
        items = f"[...$.iter({self._value(first.iter)})]"
        for condition in first.ifs:
            items += f".filter({names}=>{self._test(condition)})"
        return (
            f"{items}.{'flatMap' if rest else 'map'}({names}=>{self._loops(rest, result) if rest else f'({result})'})"
        )

    def _of_call(self, node: ast.Call) -> str:
        """Return a call: methods become functions, and keywords take their places."""
        function, arguments = node.func, [self._value(each) for each in node.args]
        named = {each.arg: self._value(each.value) for each in node.keywords}
        if isinstance(function, ast.Attribute):
            if isinstance(function.value, ast.Name) and function.value.id == "re":
                return f"$.re_{function.attr}({','.join([*arguments, *named.values()])})"
            if function.attr in METHODS:
                return f"$.{function.attr}({','.join([self._value(function.value), *arguments, *named.values()])})"
            return f"{self._value(function)}({','.join([*arguments, *named.values()])})"
        order = self.own.get(function.id) or self.signatures.get(function.id, [])
        if named and order:
            places = [named.get(name, "undefined") for name in order[len(arguments) :]]
            while places and places[-1] == "undefined":
                places.pop()
            return f"{self._value(function)}({','.join([*arguments, *places])})"
        if function.id == "next" and arguments:
            return f"$.next({','.join(arguments)})"
        return f"{self._value(function)}({','.join([*arguments, *named.values()])})"


def _locals(nodes: list[ast.AST]) -> Iterator[str]:
    """Yield the parameters and variables of a function; these are all nodes in it."""
    for node in nodes:
        if isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def translated(folder: Path, names: Iterable[str]) -> str:
    """Return modules of a folder as one script, with those that they import.

    The runtime has the modules of `IN_THE_RUNTIME` already.
    """
    signatures: dict[str, list[str]] = {}
    modules: dict[str, Module] = {}

    def add(name: str) -> None:
        if name in modules or name in IN_THE_RUNTIME:
            return
        module = Module(name, (folder / f"{name}.py").read_text(encoding="utf-8"), signatures)
        for each in module.imported:
            add(each)
        modules[name] = module  # after those that it imports

    for name in names:
        add(name)
    for module in modules.values():
        module.declare()
    return "".join(module.script() for module in modules.values())
