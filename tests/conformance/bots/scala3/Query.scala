package conformance

import java.io.ByteArrayOutputStream
import java.net.{ServerSocket, Socket}
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.Path

// Answers queries: once where QUERY_PATH is set, else by HTTP; see steps.md.
object Query:
  // The parameters are JSON already.
  private def answer(path: String, params: String): String =
    val mark = Texts.read(Texts.state("mark"))
    path match
      case "/error" =>
        val reason = s"no ${mark.getOrElse("null")} here"
        s"""{"status": "error", "error": ${Texts.json(Some(reason))}}"""
      case "/throw" => throw RuntimeException("kaboom")
      case "/big" => s"""{"status": "ok", "data": "${"x" * 400000}"}"""
      case _ =>
        if path == "/write" then Texts.put("mark", "written by a query")
        val fields = List(
          "mark" -> Texts.json(mark),
          "params" -> params,
          "path" -> Texts.json(sys.env.get("QUERY_PATH")),
          "number" -> Texts.json(sys.env.get("QUERY_PARAM_number")),
          "text" -> Texts.json(sys.env.get("QUERY_PARAM_text"))
        )
        val members = fields.map((name, value) => s"\"$name\": $value").mkString(", ")
        s"""{"status": "ok", "data": {$members}}"""

  private def serveOne(connection: Socket): Unit =
    val request = ByteArrayOutputStream()
    val block = new Array[Byte](4096)
    var done = false
    while !done do
      val size = connection.getInputStream.read(block)
      if size < 0 then return
      request.write(block, 0, size)
      request.toString(UTF_8).split("\r\n\r\n", 2) match
        case Array(head, body) =>
          val length = head.linesIterator.collectFirst { case s"Content-Length: $size" => size.toInt }
          if body.getBytes(UTF_8).length >= length.getOrElse(0) then
            val found = answer(head.split(" ")(1).takeWhile(_ != '?'), body).getBytes(UTF_8)
            val start = s"HTTP/1.1 200 OK\r\nContent-Length: ${found.length}\r\nConnection: close\r\n\r\n"
            connection.getOutputStream.write(start.getBytes(UTF_8))
            connection.getOutputStream.write(found)
            done = true
        case _ => ()

  private def serve(): Unit =
    val listening = ServerSocket(sys.env.getOrElse("THE0_QUERY_PORT", "9476").toInt)
    while true do
      val connection = listening.accept()
      try serveOne(connection)
      finally connection.close()

  def main(arguments: Array[String]): Unit =
    sys.env.get("QUERY_PATH") match
      case None => serve()
      case Some(path) =>
        val found = answer(path, sys.env("QUERY_PARAMS"))
        if path == "/print" then println(s"not the answer\n$found")
        else Texts.write(Path.of("/query/result.json"), found)
        System.exit(if path == "/error" then 1 else 0)
