"""llama.cpp's own HTTP server, as its Python package holds it: serve.py WEIGHTS TEMPLATE PORT, until standard input ends."""
import sys

import xllamacpp

weights, template, port = sys.argv[1:]
params = xllamacpp.CommonParams()
params.model.path = weights
params.model_alias = {"tiny"}
with open(template, encoding="utf-8") as file:
    params.chat_template = file.read()
params.hostnames = ["127.0.0.1"]
params.port = int(port)
params.n_ctx = 4096
params.n_parallel = 1
params.cpuparams.n_threads = 1
params.sampling.temp = 0
params.sampling.seed = 1
params.use_jinja = True
params.endpoint_slots = True
params.endpoint_metrics = True
server = xllamacpp.Server(params)
sys.stdin.read()
