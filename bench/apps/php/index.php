<?php
// The bench's routes on PHP's own sessions, which phpredis keeps in Redis.

function answer(int $status, array $body): void
{
    http_response_code($status);
    header('Content-Type: application/json');
    echo json_encode($body);
}

switch ($_SERVER['DOCUMENT_URI']) {
    case '/hello':
        header('Content-Type: text/plain');
        echo 'Hello, Session World!';
        break;
    case '/session/login':
        session_start();
        session_regenerate_id(true);
        $_SESSION['user'] = $_GET['user'];
        answer(200, ['message' => 'Logged in', 'user' => $_SESSION['user']]);
        break;
    case '/session/whoami':
        session_start();
        if (isset($_SESSION['user'])) {
            answer(200, ['user' => $_SESSION['user']]);
        } else {
            answer(401, ['error' => 'No active session or user not set']);
        }
        break;
    case '/session/counter':
        session_start();
        $_SESSION['counter'] = ($_SESSION['counter'] ?? 0) + 1;
        answer(200, ['message' => 'Counter incremented',
            'counter' => $_SESSION['counter']]);
        break;
    default:
        answer(404, ['error' => 'Not found']);
}
