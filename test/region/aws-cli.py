"""The AWS CLI's own program, started once for many calls: a JSON list of words a line in, its ending a line out."""

import contextlib
import io
import json
import sys

from awscli.clidriver import create_clidriver

driver = create_clidriver()
for line in sys.stdin:
    out, err = io.TextIOWrapper(io.BytesIO()), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = driver.main(json.loads(line))
        except SystemExit as end:
            code = end.code
    out.flush()
    stdout = out.buffer.getvalue().decode()
    print(json.dumps({"code": code, "stdout": stdout, "stderr": err.getvalue()}), flush=True)
