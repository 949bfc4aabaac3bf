// The bench's routes on gorilla/sessions with redistore, set up as their
// documentation shows. Of what redistore offers, the faster is chosen: JSON in
// place of gob, and a pool that does not PING before each use.
//
//	main LISTEN-SOCKET REDIS-SOCKET
package main

import (
	"encoding/json"
	"log"
	"net"
	"net/http"
	"os"

	"github.com/boj/redistore"
	"github.com/gomodule/redigo/redis"
	"github.com/gorilla/sessions"
)

var store *redistore.RediStore

func openStore(address string) (*redistore.RediStore, error) {
	pool := &redis.Pool{
		MaxIdle: 32,
		Dial: func() (redis.Conn, error) {
			return redis.Dial("unix", address)
		},
	}
	s, err := redistore.NewRediStoreWithPool(pool,
		[]byte("a secret of the bench, 32 bytes!"))
	if err != nil {
		return nil, err
	}
	s.SetKeyPrefix("go:")
	s.SetSerializer(redistore.JSONSerializer{})
	s.SetMaxAge(20 * 60)
	s.Options.Secure = true
	s.Options.HttpOnly = true
	s.Options.SameSite = http.SameSiteLaxMode
	return s, nil
}

func answer(w http.ResponseWriter, status int, body interface{}) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}

func open(w http.ResponseWriter, r *http.Request) *sessions.Session {
	session, err := store.Get(r, "bench-go")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return nil
	}
	return session
}

func save(w http.ResponseWriter, r *http.Request, s *sessions.Session) bool {
	err := s.Save(r, w)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
	return err == nil
}

func login(w http.ResponseWriter, r *http.Request) {
	session := open(w, r)
	if session == nil {
		return
	}
	user := r.URL.Query().Get("user")
	session.Values["user"] = user
	if save(w, r, session) {
		answer(w, 200, map[string]string{
			"message": "Logged in", "user": user})
	}
}

func whoami(w http.ResponseWriter, r *http.Request) {
	session := open(w, r)
	if session == nil {
		return
	}
	user, ok := session.Values["user"].(string)
	if !ok {
		answer(w, 401, map[string]string{
			"error": "No active session or user not set"})
		return
	}
	answer(w, 200, map[string]string{"user": user})
}

func counter(w http.ResponseWriter, r *http.Request) {
	session := open(w, r)
	if session == nil {
		return
	}
	n, _ := session.Values["counter"].(float64) // as JSON has it
	session.Values["counter"] = n + 1
	if save(w, r, session) {
		answer(w, 200, map[string]interface{}{
			"message": "Counter incremented", "counter": n + 1})
	}
}

func hello(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	w.Write([]byte("Hello, Session World!"))
}

func main() {
	var err error
	if store, err = openStore(os.Args[2]); err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("unix", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("/hello", hello)
	http.HandleFunc("/session/login", login)
	http.HandleFunc("/session/whoami", whoami)
	http.HandleFunc("/session/counter", counter)
	log.Fatal(http.Serve(listener, nil))
}
