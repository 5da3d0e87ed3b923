"""The tests' cell: runs a task's checks against a proxy of the solution, and alone may say `pass`.

The checks come with the task and are trusted; what the solution's cell sends is not. The record goes to
a descriptor that only this process has, with a nonce that only it was told.
"""

import ast
import builtins


class SolutionGone(BaseException):
    """The solution's process answers no more."""


class OpaqueUsed(BaseException):
    """A check looked into a value that is not plain: it satisfies nothing."""


class Unsupported(BaseException):
    """A check hands over what cannot cross."""


class Opaque:
    """A value that stayed with the solution. Every operation on it raises."""

    __slots__ = ("number",)

    def __init__(self, number):
        object.__setattr__(self, "number", number)


def refuse(*_, **__):
    raise OpaqueUsed("the solution returned an object that is not a plain value")


for _name in (
    "__eq__ __ne__ __lt__ __le__ __gt__ __ge__ __hash__ __bool__ __len__ __iter__ __next__ __contains__ "
    "__getitem__ __setitem__ __delitem__ __call__ __getattr__ __setattr__ __delattr__ __str__ __repr__ "
    "__int__ __float__ __complex__ __index__ __bytes__ __format__ __add__ __radd__ __sub__ __rsub__ "
    "__mul__ __rmul__ __truediv__ __rtruediv__ __floordiv__ __rfloordiv__ __mod__ __rmod__ __divmod__ "
    "__rdivmod__ __pow__ __rpow__ __matmul__ __rmatmul__ __and__ __rand__ __or__ __ror__ __xor__ "
    "__rxor__ __lshift__ __rlshift__ __rshift__ __rrshift__ __neg__ __pos__ __abs__ __invert__ "
    "__round__ __trunc__ __floor__ __ceil__ __reversed__ __enter__ __exit__ __reduce_ex__ __copy__ "
    "__deepcopy__ __length_hint__ __missing__ __instancecheck__ __fspath__"
).split():
    setattr(Opaque, _name, refuse)


class Solution:
    """The other end: its functions by name, and what became of it."""

    def __init__(self):
        self.calls = 0
        self.ready = False
        self.failure = None
        self.integrity = None

    def fail(self, kind, detail):
        if self.failure is None:
            self.failure = (kind, detail)
        raise SolutionGone(detail)

    def wait_until_ready(self):
        if self.ready:
            return
        hello = self.receive()
        if hello == {"ready": 1}:
            self.ready = True
        elif type(hello) is dict and type(hello.get("refused")) is str:
            self.fail("compile_error", hello["refused"])
        elif type(hello) is dict and type(hello.get("died")) is str:
            kind = "memory_limit" if hello.get("memory") is True else "runtime_error"
            self.fail(kind, "the program ended with " + hello["died"])
        elif type(hello) is dict and type(hello.get("missing")) is str:
            self.fail("fail", "the program does not define `%s`" % hello["missing"])
        else:
            self.fail("fail", "the program sent bytes that are no answer")

    def receive(self):
        try:
            frame = receive(LINK)
        except (Malformed, OSError) as error:
            self.fail("fail", "the program sent bytes that are no answer: %s" % error)
        if frame is None:
            self.fail("runtime_error", "the program ended before it had answered")
        try:
            return json.loads(frame.decode("utf-8", "surrogatepass"))
        except (ValueError, RecursionError):
            self.fail("fail", "the program sent bytes that are no answer")

    def call(self, name, arguments, keywords):
        if self.failure is not None:
            raise SolutionGone(self.failure[1])
        self.wait_until_ready()
        try:
            encoder = Encoder(no_handle, Opaque)
            request = json.dumps({
                "f": name,
                "a": [encoder.encode(value, MOST_DEPTH) for value in arguments],
                "k": {key: encoder.encode(value, MOST_DEPTH) for key, value in keywords.items()},
                "m": 1,
            })
        except (Unfit, ValueError, RecursionError) as error:
            if self.calls:
                # What the checks hand over now came from the solution.
                self.fail("fail", "a result cannot be handed back: %s" % error)
            raise Unsupported("an argument cannot cross: %s" % error) from None
        self.calls += 1
        return self.result(self.exchange(request), arguments)

    def exchange(self, request):
        try:
            send(LINK, request)
        except OSError:
            self.fail("runtime_error", "the program ended before it had answered")
        return self.receive()

    def result(self, reply, arguments):
        try:
            if type(reply) is not dict:
                raise Malformed("no record")
            if "e" in reply:
                return self.raised(reply)
            value = decode(reply["r"], Opaque)
            changes = [(n, decode(new, Opaque)) for n, new in reply["m"]]
            for n, new in changes:
                write_back(arguments[n], new)
            return value
        except (Malformed, KeyError, TypeError, ValueError, IndexError, RecursionError,
                OverflowError, ArithmeticError) as error:
            self.fail("fail", "the program sent bytes that are no answer: %s" % error)

    def raised(self, reply):
        kind = getattr(builtins, reply["e"], None) if type(reply["e"]) is str else None
        if not (isinstance(kind, type) and issubclass(kind, BaseException)):
            raise Malformed("no exception")
        text = reply.get("x")
        raise Crossed(kind, text if type(text) is str else "")


class Crossed(BaseException):
    """An exception of the solution on its way to the check that asked."""

    def __init__(self, kind, text):
        self.kind = kind
        self.text = text


def no_handle(value):
    if type(value) is Opaque:
        return value.number
    raise Unfit("a value of type `%s`" % type(value).__name__)


def write_back(old, new):
    """Repeats in `old` what the solution did to its copy."""
    if type(old) is not type(new):
        raise Malformed("an argument changed its type")
    if type(old) in (list, bytearray):
        old[:] = new
    elif type(old) in (dict, set):
        old.clear()
        old.update(new)
    else:
        raise Malformed("an argument that cannot change")


def proxy(solution, name):
    def candidate(*arguments, **keywords):
        try:
            return solution.call(name, list(arguments), keywords)
        except Crossed as crossed:
            error = crossed
        raise made(error.kind, error.text)

    candidate.__name__ = candidate.__qualname__ = name or "candidate"
    return candidate


def made(kind, text):
    """An exception by its name; what takes other arguments becomes its nearest that does not."""
    for base in kind.__mro__:
        try:
            return base(text)
        except TypeError:
            continue
    return Exception(text)


def free_names(tree, known):
    """The names that checks read and nobody defines: the solution's functions."""
    stored = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    stored |= {node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    stored |= {a.arg for node in ast.walk(tree) if isinstance(node, ast.arguments)
               for a in [*node.posonlyargs, *node.args, *node.kwonlyargs, node.vararg, node.kwarg] if a}
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            stored |= {(a.asname or a.name).partition(".")[0] for a in node.names}
    read = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    return sorted(read - stored - set(known) - set(vars(builtins)))


def run_candidate(job, solution, names):
    if job["prelude"]:
        text = job["prelude"]
        for attempt in (text, text + "\n    pass\n"):
            try:
                exec(compile(attempt, "<prelude>", "exec", dont_inherit=True), names)
                break
            except SyntaxError:
                continue
    candidate = proxy(solution, job["entry"])
    names[job["entry"]] = candidate
    exec(compile(job["test"], "<check>", "exec", dont_inherit=True), names)
    names["check"](candidate)


def run_asserts(job, solution, names):
    for name in job["names"]:
        names[name] = proxy(solution, name)
    setup = compile(job["setup"], "<setup>", "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
    for name in free_names(setup, names):
        names[name] = proxy(solution, name)
    exec(compile(setup, "<setup>", "exec", dont_inherit=True), names)
    for number, text in enumerate(job["asserts"], 1):
        check = compile(text, "<check %d>" % number, "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
        for name in free_names(check, names):
            names[name] = proxy(solution, name)
        exec(compile(check, "<check %d>" % number, "exec", dont_inherit=True), names)


def run_checks(text, request):
    job = json.loads(text)
    del text
    nonce = job.pop("nonce")
    send(LINK + 1, json.dumps({"nonce": nonce, **checked(job, Solution())}))
    return 0


def checked(job, solution):
    """Runs the checks and returns the record: the one place that can say `pass`."""
    names = module_of("checks")
    verdict, detail = "fail", ""
    try:
        {"candidate": run_candidate, "asserts": run_asserts}[job["kind"]](job, solution, names)
        if solution.failure is None and solution.calls > 0:
            verdict = "pass"
        else:
            detail = "the checks never called the program"
    except Unsupported as error:
        verdict, detail = "unsupported", str(error)
    except ModuleNotFoundError as error:
        # The task's own, where the solution was not asked anything yet.
        verdict, detail = "fail" if solution.calls else "unsupported", str(error)
    except BaseException as error:
        lines = traceback.extract_tb(error.__traceback__)
        places = [line for line in lines if line.filename.startswith("<check")]
        where = job_line(job, places[-1]) if places else ""
        detail = (type(error).__name__ + ": " + str(error) if str(error) else type(error).__name__) + where
        if isinstance(error, MemoryError):
            verdict = "memory_limit"
    if solution.failure is not None:
        verdict, detail = solution.failure
    return {"verdict": verdict, "calls": solution.calls, "detail": whole(detail)}


def whole(detail):
    """Text that every reader of JSON takes: a solution may put half a character into a message."""
    return detail[:2000].encode("utf-8", "backslashreplace").decode()


def run_judge(text, request):
    head, output = split(text)
    send(LINK, json.dumps({"nonce": head["nonce"], **judged(head, output, request["work"])}))
    return 0


def judged(head, output, work):
    """Runs a task's own judge over three files; its status is the verdict."""
    paths = []
    for name, content in (("input", head["input"].encode()), ("output", output), ("answer", head["answer"].encode())):
        paths.append(os.path.join(work, name))
        with open(paths[-1], "wb") as file:
            file.write(content)
    sys.argv = ["judge", *paths]
    verdict, detail = "broken", ""
    try:
        judge = compile(head["judge"], "<judge>", "exec", dont_inherit=True)
        # A judge that stumbles over an output does not accept it.
        verdict = "fail"
        exec(judge, module_of("__main__"))
        verdict = "pass"
    except SystemExit as error:
        code = error.code
        verdict = "pass" if code in (None, 0) else "fail"
        detail = "" if code in (None, 0, 1) else "it ended with %r" % (code,)
    except BaseException as error:
        detail = traceback.format_exception_only(type(error), error)[-1].strip()
    return {"verdict": verdict, "calls": 1, "detail": whole(detail)}


def job_line(job, place):
    """The line of the check that failed."""
    if job["kind"] == "asserts":
        return " in `%s`" % job["asserts"][int(place.filename[7:-1]) - 1].strip() if place.filename != "<check>" else ""
    lines = job["test"].splitlines()
    return " in `%s`" % lines[place.lineno - 1].strip() if 0 < place.lineno <= len(lines) else ""


JOBS["checks"] = run_checks
JOBS["judge"] = run_judge
