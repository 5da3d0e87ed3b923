"""The solution's cell: runs the program, then answers calls until the other side is gone.

This process is assumed hostile: whatever it sends is read as data by a side that trusts none of it. It
holds no test, no expected value and no way to say that it passed.
"""


def finish():
    """Does what the interpreter does at its end, without taking itself apart."""
    status = 0
    try:
        threading._shutdown()
        atexit._run_exitfuncs()
    except BaseException:
        status = 1
    return status


def flush(stream):
    try:
        if stream is not None:
            stream.flush()
    except BaseException:
        return 120
    return 0


def status_of(error):
    """The exit status of an exception that nobody caught, which is shown as Python shows it."""
    if isinstance(error, SystemExit):
        code = error.code
        if code is None:
            return 0
        if isinstance(code, int):
            return code & 0xFF
        print(code, file=sys.stderr)
        return 1
    try:
        sys.excepthook(type(error), error, error.__traceback__.tb_next)
    except BaseException:
        pass
    return MEMORY_STATUS if isinstance(error, MemoryError) else 1


def run_script(job, request):
    """Runs a program that reads and writes, as `python3 FILE` does."""
    head, source = split(job)
    del job
    path = os.path.join(request["work"], head["name"])
    try:
        with open(path, "wb") as file:
            file.write(source)
    except OSError:
        pass
    sys.argv = [path]
    names = module_of("__main__")
    names["__file__"] = path
    try:
        code = compile(source, path, "exec", dont_inherit=True)
    except MemoryError:
        return MEMORY_STATUS
    except BaseException as error:
        traceback.print_exception(type(error), error, None)
        return head["refused"]
    del source, head
    status = 0
    try:
        exec(code, names)
    except BaseException as error:
        status = status_of(error)
    status = finish() or status
    # Files that only the program's own names kept open are flushed, as at the interpreter's end.
    out, err = sys.stdout, sys.stderr
    names.clear()
    flush_status = flush(out) or flush(sys.__stdout__)
    flush(err)
    return status or flush_status


class Objects:
    """What crossed as a handle, so that it can come back as itself."""

    def __init__(self):
        self.kept = []

    def keep(self, value):
        if len(self.kept) >= 100_000:
            raise Unfit("too many handles")
        self.kept.append(value)
        return len(self.kept) - 1

    def find(self, number):
        return self.kept[number]


def builtin_name(error):
    """The nearest exception of the language itself."""
    for kind in type(error).__mro__:
        if kind.__module__ == "builtins":
            return kind.__name__
    return "Exception"


def answer(names, call, objects):
    """Makes one call; returns the frame that tells of it, and of changed arguments where that is asked."""
    arguments = [decode(value, objects.find) for value in call["a"]]
    keywords = {name: decode(value, objects.find) for name, value in call["k"].items()}
    mutable = []
    if "m" in call:
        mutable = [n for n, value in enumerate(arguments) if type(value) in (list, dict, set, bytearray)]
    before = [json.dumps(Encoder(objects.keep).encode(arguments[n], MOST_DEPTH)) for n in mutable]
    try:
        target = names[call["f"]]
        result = target(*arguments, **keywords)
        try:
            text = Encoder(objects.keep).text(result)
        except (Unfit, RecursionError, ValueError) as error:
            text = json.dumps({"o": objects.keep(result)})
    except BaseException as error:
        return '{"e":%s,"x":%s}' % (json.dumps(builtin_name(error)), json.dumps(str(error)[:500]))
    changed = []
    for n, old in zip(mutable, before):
        try:
            new = json.dumps(Encoder(objects.keep).encode(arguments[n], MOST_DEPTH))
        except (Unfit, RecursionError, ValueError):
            continue
        if new != old:
            changed.append("[%d,%s]" % (n, new))
    return '{"r":%s,"m":[%s]}' % (text, ",".join(changed))


def load(head, source):
    """Runs a program as a module; returns its names, or none of them, and the frame that tells of it."""
    names = module_of("solution")
    if head["prelude"]:
        try:
            exec(compile(head["prelude"], "<prelude>", "exec", dont_inherit=True), names)
        except BaseException:
            pass
    try:
        code = compile(source, "<solution>", "exec", dont_inherit=True)
    except BaseException as error:
        reason = traceback.format_exception_only(type(error), error)[-1].strip()
        return None, json.dumps({"refused": reason[:500]})
    try:
        exec(code, names)
    except BaseException as error:
        reason = traceback.format_exception_only(type(error), error)[-1].strip()
        return None, json.dumps({"died": reason[:500], "memory": isinstance(error, MemoryError)})
    missing = [name for name in head["entries"] if not callable(names.get(name))]
    if missing:
        return None, json.dumps({"missing": missing[0]})
    return names, '{"ready":1}'


def run_solution(job, request):
    """Runs the program as a module and serves its functions."""
    names, hello = load(*split(job))
    send(LINK, hello)
    if names is None:
        return 1
    objects = Objects()
    while True:
        frame = receive(LINK)
        if frame is None:
            return 0
        call = json.loads(frame.decode("utf-8", "surrogatepass"))
        text = answer(names, call, objects)
        try:
            send(LINK, text)
        except Unfit:
            send(LINK, '{"r":{"o":-1},"m":[]}')


JOBS["script"] = run_script
JOBS["solution"] = run_solution
