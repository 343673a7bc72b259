"""
The AWS CLI, loaded once for many calls: that takes it half a second, and the rest of a call a tenth. Makes a program
`aws` in the folder that is given, and serves it until standard input ends. Each call is a fork of this process, in the
caller's folder, network and mounts, with its variables and its standard files; a configuration in a home folder is
nobody's. test/region/aws-cli.py is for the rows of the contract: one after another in one process, without a fork.
"""

import ctypes
import fcntl
import json
import os
import select
import signal
import socket
import sys

import awscli.clidriver

PROGRAM = """#!{python} -IS
import json, os, socket, sys
try:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        server.connect("{folder}/socket")
        spaces = [os.open("/proc/self/ns/" + name, os.O_RDONLY) for name in ("mnt", "net")]
        call = {{"words": sys.argv[1:], "folder": os.getcwd(), "variables": dict(os.environ)}}
        socket.send_fds(server, [json.dumps(call).encode()], [0, 1, 2, *spaces])
        code = server.recv(1)
except OSError:
    code = b""
if code:
    sys.exit(code[0])
# Nobody serves it: where this user may enter no namespace, or when the tests have ended.
os.environ["PATH"] = os.environ["PATH"].replace("{folder}:", "")
os.execvp("aws", ["aws", *sys.argv[1:]])
"""


def answer(caller):
    text, files, *_ = socket.recv_fds(caller, 1 << 20, 5)
    call = json.loads(text)
    for name, space in zip(("mnt", "net"), files[3:]):
        if os.fstat(space).st_ino != os.stat(f"/proc/self/ns/{name}").st_ino and ctypes.CDLL(None).setns(space, 0):
            return
    # It ends with its caller: a connection that is closed raises SIGIO, and nobody handles that.
    fcntl.fcntl(caller, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(caller, fcntl.F_SETFL, fcntl.fcntl(caller, fcntl.F_GETFL) | os.O_ASYNC)
    os.chdir(call["folder"])
    for number, file in enumerate(files[:3]):
        os.dup2(file, number)
    os.environ.clear()
    os.environ.update(call["variables"])
    try:
        code = driver.main(call["words"])
    except SystemExit as end:
        code = end.code
    sys.stdout.flush()
    sys.stderr.flush()
    caller.send(bytes([code or 0]))


folder = sys.argv[1]
server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
server.bind(f"{folder}/socket")
server.listen(16)
with open(f"{folder}/aws", "w", opener=lambda path, flags: os.open(path, flags, 0o755)) as program:
    program.write(PROGRAM.format(python=sys.executable, folder=folder))
driver = awscli.clidriver.create_clidriver()
loader = driver.session.get_component("data_loader")
for service in "autoscaling cloudformation elbv2 s3 ssm".split():
    driver.session.get_service_model(service)
    loader.load_service_model(service, "endpoint-rule-set-1")
for data in ("endpoints", "partitions"):
    loader.load_data(data)
print("ready", flush=True)
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
while sys.stdin not in select.select([server, sys.stdin], [], [])[0]:
    caller, _ = server.accept()
    if os.fork() == 0:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        try:
            answer(caller)
        finally:
            os._exit(0)
    caller.close()
