"""Agent turns of LangGraph and Agno: two answers of a model and one tool between them, one turn after the other.

Both get the same model server, tool and question; neither keeps anything. Prints microseconds as JSON, and the processor time of a turn.
"""

import json
import pathlib
import sys
import time

base, note, rounds, warm_up = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
QUESTION = "Read the note."


def fs_read(path: str) -> str:
    """Reads a file of the workspace."""
    return note.read_text()


def langgraph():
    from langchain.agents import create_agent
    from langchain_openai import ChatOpenAI

    agent = create_agent(ChatOpenAI(model="scripted", base_url=base, api_key="none"), [fs_read])
    return lambda: agent.invoke({"messages": [{"role": "user", "content": QUESTION}]})["messages"][-1].content


def agno():
    from agno.agent import Agent
    from agno.models.openai.like import OpenAILike

    agent = Agent(model=OpenAILike(id="scripted", base_url=base, api_key="none"), tools=[fs_read], telemetry=False)
    return lambda: agent.run(QUESTION).content


def measure(turn):
    for _ in range(warm_up):
        turn()
    samples, cpu = [], time.process_time()
    for _ in range(rounds):
        begun = time.perf_counter()
        said = turn()
        samples.append(round((time.perf_counter() - begun) * 1e6))
        if said != "The note has 27 lines.":
            sys.exit(f"it said {said!r}")
    return {"turn_us": samples, "cpu_us": round((time.process_time() - cpu) * 1e6 / rounds)}


print(json.dumps({"langgraph": measure(langgraph()), "agno": measure(agno())}))
