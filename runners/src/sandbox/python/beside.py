"""Checks that need the solution's own objects: they run beside it, in its process.

A solution in the same process can forge what it likes if it tries hard enough, so whoever reads the
verdict is told. Two things make it harder: the record is written by functions that were taken before the
solution ran, and the same checks run a second time against expectations that nothing equals. A solution
that passes those as well answers whatever is asked.
"""

import unittest


class Never:
    """Equal to nothing, in nothing, true of nothing."""

    __slots__ = ()
    __hash__ = object.__hash__

    def false(self, *_):
        return False

    __eq__ = __lt__ = __le__ = __gt__ = __ge__ = __contains__ = __bool__ = false

    def __ne__(self, other):
        return False

    def __iter__(self):
        return iter(())

    def __len__(self):
        return 0


class NeverRaised(BaseException):
    """An exception that no solution raises."""


NAME, RAISED = "__never__", "__never_raised__"
TAKES_TRUTH = {"assertTrue": False, "assertFalse": True, "assertIsNone": 0, "assertIsNotNone": None}


class Spoil(ast.NodeTransformer):
    """Replaces what every assertion expects by what cannot be."""

    def visit_Assert(self, node):
        test = node.test
        if isinstance(test, ast.Compare):
            test.comparators[-1] = ast.Name(NAME, ast.Load())
        else:
            node.test = ast.BoolOp(ast.And(), [test, ast.Constant(False)])
        return node

    def visit_Call(self, node):
        self.generic_visit(node)
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        if not name.startswith("assert") or not node.args:
            return node
        if name.startswith(("assertRaises", "assertWarns")):
            node.args[0] = ast.Name(RAISED, ast.Load())
        elif name in TAKES_TRUTH:
            node.args[0] = ast.Constant(TAKES_TRUTH[name])
        elif len(node.args) > 1 and not name.startswith("assertNot"):
            node.args[1] = ast.Name(NAME, ast.Load())
        elif name in ("assertNotEqual", "assertIsNot", "assertNotIn"):
            node.func.attr = {"assertNotEqual": "assertEqual", "assertIsNot": "assertIs", "assertNotIn": "assertIn"}[name]
            node.args[1:2] = [ast.Name(NAME, ast.Load())]
        return node


def verdict_of(names, tree):
    """Runs the checks and says how they ended."""
    before = set(names)
    exec(compile(tree, "<check>", "exec", dont_inherit=True), names)
    if "check" in names and "check" not in before:
        names["check"](names.get(names["__entry__"]))
    cases = [value for value in list(names.values())
             if isinstance(value, type) and issubclass(value, unittest.TestCase)]
    for case in cases:
        suite = unittest.defaultTestLoader.loadTestsFromTestCase(case)
        result = unittest.TestResult()
        suite.run(result)
        bad = result.failures + result.errors
        if bad or result.testsRun == 0:
            return "fail", bad[0][1].strip().splitlines()[-1] if bad else "no test ran"
    return "pass", ""


def run_beside(text, request, send=send, dumps=json.dumps, exit=os._exit, verdict_of=verdict_of, whole=whole):
    head, source = split(text)
    nonce = head.pop("nonce")
    names = module_of("solution")
    names["__entry__"] = head["entry"]
    tree = compile(head["test"], "<check>", "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
    if head["spoiled"]:
        tree = ast.fix_missing_locations(Spoil().visit(tree))
        never, raised = Never(), NeverRaised
    else:
        never = raised = None
    try:
        if head["prelude"]:
            exec(compile(head["prelude"], "<prelude>", "exec", dont_inherit=True), names)
    except BaseException:
        pass
    verdict, detail = "fail", ""
    try:
        code = compile(source, "<solution>", "exec", dont_inherit=True)
    except BaseException as error:
        verdict, detail = "compile_error", str(error)
    else:
        try:
            exec(code, names)
            names[NAME], names[RAISED] = never, raised
            verdict, detail = verdict_of(names, tree)
        except BaseException as error:
            detail = type(error).__name__ + ": " + str(error)[:500]
    send(LINK, dumps({"nonce": nonce, "verdict": verdict, "calls": 1, "detail": whole(detail)}))
    exit(0)


JOBS["beside"] = run_beside
