// The bench's routes on express-session and connect-redis, set up as their
// documentation shows, in a cluster of two processes.
//
//     node app.js LISTEN-SOCKET REDIS-SOCKET
import cluster from "node:cluster"
import {RedisStore} from "connect-redis"
import express from "express"
import session from "express-session"
import {createClient} from "redis"

const processes = 2
const [listenAt, redisAt] = process.argv.slice(2)

async function sessions() {
  const client = createClient({socket: {path: redisAt}})
  client.on("error", console.error)
  await client.connect()
  return session({
    store: new RedisStore({client, prefix: "express:"}),
    secret: "of the bench",
    resave: false,
    saveUninitialized: false,
    cookie: {secure: true, httpOnly: true, sameSite: "lax",
      maxAge: 20 * 60 * 1000},
  })
}

function login(req, res, next) {
  req.session.regenerate(error => {
    if (error) return next(error)
    req.session.user = req.query.user
    res.json({message: "Logged in", user: req.session.user})
  })
}

function whoami(req, res) {
  if (!req.session.user)
    return res.status(401).json({error: "No active session or user not set"})
  res.json({user: req.session.user})
}

function counter(req, res) {
  req.session.counter = (req.session.counter ?? 0) + 1
  res.json({message: "Counter incremented", counter: req.session.counter})
}

async function serve() {
  const app = express()
  app.set("trust proxy", 1)
  app.disable("x-powered-by")
  app.disable("etag")
  app.get("/hello", (req, res) => {
    res.type("text/plain").send("Hello, Session World!")
  })
  app.use("/session", await sessions())
  app.get("/session/login", login)
  app.get("/session/whoami", whoami)
  app.get("/session/counter", counter)
  const server = app.listen(listenAt)
  server.keepAliveTimeout = 65000 // longer than nginx keeps a connection
}

if (cluster.isPrimary) {
  for (let i = 0; i < processes; i++) cluster.fork()
} else {
  await serve()
}
