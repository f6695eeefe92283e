"""stub"""
from eltbuild.run.events import *
from datetime import datetime, UTC
def schedule(graph, ids, work, *, threads, fail_fast, tests=None, cancel=None, now=None, on_error=None):
    bad=set()
    for i,id in enumerate(ids,1):
        if any(p in bad for p in graph.ancestors([id])):
            bad.add(id); yield Finished(node=id,status="skipped",index=i,total=len(ids)); continue
        s=Started(id,i,len(ids),"Thread-1",datetime.now(UTC)); yield s
        f=work(id,s)
        if f.status in FAILED: bad.add(id)
        yield f
