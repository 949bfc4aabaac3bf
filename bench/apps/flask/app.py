"""The bench's routes on Flask-Session, set up as its documentation shows.

The extension loads and saves the session with every request, /hello's too.
"""
import os
from datetime import timedelta

from flask import Flask, jsonify, request, session
from flask_session import Session
from redis import Redis

app = Flask(__name__)
app.config.update(
    SESSION_TYPE="redis",
    SESSION_REDIS=Redis(unix_socket_path=os.environ["REDIS_SOCKET"]),
    SESSION_KEY_PREFIX="flask:",
    PERMANENT_SESSION_LIFETIME=timedelta(minutes=20),
    SESSION_COOKIE_SECURE=True,
    SESSION_COOKIE_SAMESITE="Lax",
)
Session(app)


@app.get("/hello")
def hello():
    return "Hello, Session World!", {"Content-Type": "text/plain"}


@app.get("/session/login")
def login():
    session["user"] = request.args["user"]
    return jsonify(message="Logged in", user=session["user"])


@app.get("/session/whoami")
def whoami():
    if "user" not in session:
        return jsonify(error="No active session or user not set"), 401
    return jsonify(user=session["user"])


@app.get("/session/counter")
def counter():
    session["counter"] = session.get("counter", 0) + 1
    return jsonify(message="Counter incremented",
                   counter=session["counter"])
