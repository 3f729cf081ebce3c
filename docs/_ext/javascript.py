"""Translate modules of checks/lint to JavaScript, so that the page and the command are one implementation.

It knows the part of Python that those modules use, and raises an error at anything else. `lint-runtime.js` has the
functions that Python has and JavaScript lacks.
"""

from __future__ import annotations

import ast
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
"""Methods of texts, lists, dicts and matches; lint-runtime.js has each as a function."""
YES_OR_NO = {"startswith", "endswith", "any", "all", "bool", "isinstance"}


class Module:
    """One module of Python, as JavaScript."""

    def __init__(self, name: str, source: str, signatures: dict[str, list[str]]) -> None:
        self.name, self.signatures = name, signatures
        self.tree = ast.parse(source)
        self.names: list[str] = []

    def declare(self) -> None:
        """Remember the parameters of functions and the fields of classes, for keyword arguments."""
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
        body = "".join(filter(None, map(self.top, self.tree.body)))
        return f"const {self.name}_=(()=>{{{body}return{{{','.join(self.names)}}}}})();\n"

    def top(self, node: ast.stmt) -> str:
        """Return a statement of the module itself."""
        if isinstance(node, ast.ImportFrom):
            if not node.level:
                return ""
            if not node.module:
                return "".join(f"const {alias.name}={alias.name}_;" for alias in node.names)
            wanted = [alias.name for alias in node.names]
            self.names += [name for name in wanted if name not in self.names]
            return f"const {{{','.join(map(self.name_of, wanted))}}}={node.module}_;"
        if isinstance(node, ast.ClassDef):
            self.names.append(node.name)
            return self.record(node)
        if isinstance(node, ast.FunctionDef):
            self.names.append(node.name)
            return self.function(node)
        if isinstance(node, ast.Assign | ast.AnnAssign):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if target.id == "__all__":
                return ""
            self.names.append(target.id)
            return f"const {target.id}={self.value(node.value)};"
        return ""

    def record(self, node: ast.ClassDef) -> str:
        """Return a function that makes a record with the fields of a dataclass."""
        fields = [each for each in node.body if isinstance(each, ast.AnnAssign)]
        parts = [each.target.id + (f"={self.initial(each.value)}" if each.value else "") for each in fields]
        return f"const {node.name}=({','.join(parts)})=>({{{','.join(each.target.id for each in fields)}}});"

    def initial(self, node: ast.expr) -> str:
        if isinstance(node, ast.Call) and node.func.id == "field":
            made = next(each.value for each in node.keywords if each.arg == "default_factory")
            return {"list": "[]", "dict": "new Map()"}[made.id]
        return self.value(node)

    def function(self, node: ast.FunctionDef) -> str:
        """Return a function; its variables are declared at its start, as in Python."""
        given = [*node.args.args, *node.args.kwonlyargs]
        names = {each.arg for each in given}
        own = sorted({each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)})
        declared = [self.name_of(name) for name in own if name not in names]
        start = f"let {','.join(declared)};" if declared else ""
        parameters = ",".join(self.name_of(each.arg) for each in given)
        return f"function {node.name}({parameters}){{{start}{self.block(node.body)}}}"

    def block(self, body: list[ast.stmt]) -> str:
        return "".join(map(self.statement, body))

    def statement(self, node: ast.stmt) -> str:
        """Return one statement."""
        kind = type(node).__name__
        simple = {"Pass": ";", "Break": "break;", "Continue": "continue;", "Assert": "", "Delete": "", "ImportFrom": ""}
        return simple[kind] if kind in simple else getattr(self, f"do_{kind.lower()}")(node)

    def do_expr(self, node: ast.Expr) -> str:
        return "" if isinstance(node.value, ast.Constant) else f"{self.value(node.value)};"

    def do_return(self, node: ast.Return) -> str:
        return f"return {self.value(node.value)};" if node.value else "return null;"

    def do_if(self, node: ast.If) -> str:
        other = f"else{{{self.block(node.orelse)}}}" if node.orelse else ""
        return f"if({self.test(node.test)}){{{self.block(node.body)}}}{other}"

    def do_while(self, node: ast.While) -> str:
        return f"while({self.test(node.test)}){{{self.block(node.body)}}}"

    def do_for(self, node: ast.For) -> str:
        return f"for({self.target(node.target)} of $.iter({self.value(node.iter)})){{{self.block(node.body)}}}"

    def do_annassign(self, node: ast.AnnAssign) -> str:
        return f"{self.assigned(node.target, self.value(node.value))};" if node.value else ""

    def do_assign(self, node: ast.Assign) -> str:
        return f"{self.assigned(node.targets[0], self.value(node.value))};"

    def do_augassign(self, node: ast.AugAssign) -> str:
        change = "iadd" if isinstance(node.op, ast.Add) else "isub"
        return f"{self.assigned(node.target, f'$.{change}({self.value(node.target)},{self.value(node.value)})')};"

    def assigned(self, target: ast.expr, value: str) -> str:
        if isinstance(target, ast.Subscript):
            return f"$.put({self.value(target.value)},{self.value(target.slice)},{value})"
        if isinstance(target, ast.Tuple) and any(isinstance(each, ast.Subscript) for each in target.elts):
            parts = [self.assigned(each, f"$t[{place}]") for place, each in enumerate(target.elts)]
            return f"{{const $t={value};{';'.join(parts)}}}"
        return f"{self.target(target)}={value}"

    def target(self, node: ast.expr) -> str:
        if isinstance(node, ast.Tuple):
            return f"[{','.join(map(self.target, node.elts))}]"
        return self.value(node)

    def name_of(self, name: str) -> str:
        return f"{name}$" if name in RESERVED else name

    def test(self, node: ast.expr) -> str:
        """Return a condition: in Python, empty lists and dicts are false."""
        if isinstance(node, ast.BoolOp):
            sign = "&&" if isinstance(node.op, ast.And) else "||"
            return f"({sign.join(map(self.test, node.values))})"
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return f"!{self.test(node.operand)}"
        called = getattr(node.func, "attr", getattr(node.func, "id", "")) if isinstance(node, ast.Call) else ""
        if isinstance(node, ast.Compare) or called in YES_OR_NO:
            return self.value(node)
        return f"$.T({self.value(node)})"

    def value(self, node: ast.expr) -> str:
        """Return one expression."""
        return getattr(self, f"of_{type(node).__name__.lower()}")(node)

    def of_constant(self, node: ast.Constant) -> str:
        known = {None: "null", True: "true", False: "false"}
        if node.value is None or isinstance(node.value, bool):
            return known[node.value]
        return json.dumps(node.value, ensure_ascii=False)

    def of_name(self, node: ast.Name) -> str:
        return f"$.{node.id}" if node.id in HELPERS else self.name_of(node.id)

    def of_attribute(self, node: ast.Attribute) -> str:
        if isinstance(node.value, ast.Name) and node.value.id == "re":
            return f"$.re_{node.attr}"
        return f"{self.value(node.value)}.{node.attr}"

    def of_subscript(self, node: ast.Subscript) -> str:
        if isinstance(node.slice, ast.Slice):
            parts = [self.value(each) if each else "undefined" for each in (node.slice.lower, node.slice.upper)]
            return f"{self.value(node.value)}.slice({','.join(parts)})"
        return f"$.at({self.value(node.value)},{self.value(node.slice)})"

    def of_list(self, node: ast.List | ast.Tuple) -> str:
        return f"[{','.join(map(self.value, node.elts))}]"

    of_tuple = of_list

    def of_starred(self, node: ast.Starred) -> str:
        return f"...$.iter({self.value(node.value)})"

    def of_dict(self, node: ast.Dict) -> str:
        pairs = [
            f"[{self.value(key)},{self.value(value)}]" if key else f"...{self.value(value)}"
            for key, value in zip(node.keys, node.values, strict=True)
        ]
        return f"new Map([{','.join(pairs)}])"

    def of_joinedstr(self, node: ast.JoinedStr) -> str:
        parts = [
            json.dumps(each.value, ensure_ascii=False) if isinstance(each, ast.Constant) else f"$.str({self.value(each.value)})"
            for each in node.values
        ]
        return f"({'+'.join([repr(''), *parts])})"

    def of_boolop(self, node: ast.BoolOp) -> str:
        which = "and" if isinstance(node.op, ast.And) else "or"
        result = self.value(node.values[-1])
        for each in reversed(node.values[:-1]):
            result = f"$.{which}({self.value(each)},()=>{result})"
        return result

    def of_unaryop(self, node: ast.UnaryOp) -> str:
        return f"!{self.test(node.operand)}" if isinstance(node.op, ast.Not) else f"-{self.value(node.operand)}"

    def of_ifexp(self, node: ast.IfExp) -> str:
        return f"({self.test(node.test)}?{self.value(node.body)}:{self.value(node.orelse)})"

    def of_binop(self, node: ast.BinOp) -> str:
        left, right = self.value(node.left), self.value(node.right)
        if isinstance(node.op, ast.Add | ast.Mult):
            return f"$.{'add' if isinstance(node.op, ast.Add) else 'mul'}({left},{right})"
        return f"({left}{ {ast.Sub: '-', ast.Div: '/', ast.Mod: '%'}[type(node.op)]}{right})"

    def of_compare(self, node: ast.Compare) -> str:
        parts = []
        left = node.left
        for operator, right in zip(node.ops, node.comparators, strict=True):
            parts.append(self.compared(left, operator, right))
            left = right
        return f"({'&&'.join(parts)})"

    def compared(self, left: ast.expr, operator: ast.cmpop, right: ast.expr) -> str:
        one, two = self.value(left), self.value(right)
        if isinstance(operator, ast.In | ast.NotIn):
            return f"{'' if isinstance(operator, ast.In) else '!'}$.has({two},{one})"
        if isinstance(operator, ast.Is | ast.IsNot):
            sign = "==" if two == "null" else "==="
            return f"{one}{sign if isinstance(operator, ast.Is) else '!' + sign[1:]}{two}"
        if isinstance(operator, ast.Eq | ast.NotEq):
            same = isinstance(operator, ast.Eq)
            if any(isinstance(each, ast.Constant) for each in (left, right)):
                return f"{one}{'===' if same else '!=='}{two}"
            return f"{'' if same else '!'}$.eq({one},{two})"
        return f"{one}{ {ast.Lt: '<', ast.LtE: '<=', ast.Gt: '>', ast.GtE: '>='}[type(operator)]}{two}"

    def of_lambda(self, node: ast.Lambda) -> str:
        return f"({','.join(each.arg for each in node.args.args)})=>{self.value(node.body)}"

    def of_listcomp(self, node: ast.ListComp | ast.GeneratorExp) -> str:
        return self.loops(list(node.generators), self.value(node.elt))

    of_generatorexp = of_listcomp

    def of_dictcomp(self, node: ast.DictComp) -> str:
        return f"new Map({self.loops(list(node.generators), f'[{self.value(node.key)},{self.value(node.value)}]')})"

    def loops(self, generators: list[ast.comprehension], result: str) -> str:
        """Return nested loops of a comprehension as map and filter."""
        first, *rest = generators
        names = self.target(first.target)
        names = f"({names})"
        items = f"[...$.iter({self.value(first.iter)})]"
        for condition in first.ifs:
            items += f".filter({names}=>{self.test(condition)})"
        return f"{items}.{'flatMap' if rest else 'map'}({names}=>{self.loops(rest, result) if rest else f'({result})'})"

    def of_call(self, node: ast.Call) -> str:
        """Return a call: methods become functions, and keywords take their places."""
        function, arguments = node.func, [self.value(each) for each in node.args]
        named = {each.arg: self.value(each.value) for each in node.keywords}
        if isinstance(function, ast.Attribute):
            if isinstance(function.value, ast.Name) and function.value.id == "re":
                return f"$.re_{function.attr}({','.join([*arguments, *named.values()])})"
            if function.attr in METHODS:
                return f"$.{function.attr}({','.join([self.value(function.value), *arguments, *named.values()])})"
            return f"{self.value(function)}({','.join([*arguments, *named.values()])})"
        order = self.own.get(function.id) or self.signatures.get(function.id, [])
        if named and order:
            places = [named.get(name, "undefined") for name in order[len(arguments) :]]
            while places and places[-1] == "undefined":
                places.pop()
            return f"{self.value(function)}({','.join([*arguments, *places])})"
        if function.id == "next" and arguments:
            return f"$.next({','.join(arguments)})"
        return f"{self.value(function)}({','.join([*arguments, *named.values()])})"


def translated(folder: Path, names: list[str]) -> str:
    """Return the named modules of a folder as one script."""
    signatures: dict[str, list[str]] = {}
    modules = [Module(name, (folder / f"{name}.py").read_text(encoding="utf-8"), signatures) for name in names]
    for module in modules:
        module.declare()
    return "".join(module.script() for module in modules)
