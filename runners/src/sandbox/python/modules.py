"""What both sides of a test need: jobs taken apart, modules made."""


def split(job):
    """Takes a job apart: a head of JSON, then the program's own bytes."""
    size = int.from_bytes(job[:4], "big")
    return json.loads(job[4:4 + size]), job[4 + size:]


def module_of(name):
    """A fresh module that the interpreter takes for `name`."""
    module = types.ModuleType(name)
    module.__dict__["__builtins__"] = sys.modules["builtins"]
    sys.modules[name] = module
    return module.__dict__
