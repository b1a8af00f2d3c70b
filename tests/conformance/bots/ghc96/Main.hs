-- Does what the lines of its configuration's "steps" say, or, named "query", answers queries; see steps.md.
module Main (main) where

import Control.Concurrent (threadDelay)
import Control.Exception (IOException, bracket, try)
import Control.Monad (forM, forM_, forever, unless)
import qualified Data.ByteString as Bytes
import qualified Data.ByteString.Char8 as Bytes8
import Data.Char (chr, isSpace)
import Data.IORef
import Data.List (intercalate, isSuffixOf, stripPrefix, tails)
import Data.Maybe (fromMaybe, listToMaybe, mapMaybe)
import qualified Data.Text as Text
import qualified Data.Text.Encoding as Text
import Data.Time.Clock.POSIX (posixSecondsToUTCTime)
import Data.Time.LocalTime
import Foreign.Marshal.Alloc (mallocBytes)
import Foreign.Marshal.Utils (fillBytes)
import Foreign.Ptr (Ptr)
import Network.Socket
import qualified Network.Socket.ByteString as Socket
import Numeric (readHex)
import System.Directory
import System.Environment
import System.Exit
import System.FilePath
import System.IO
import System.Posix.Signals
import Text.Printf (printf)

-- A text of a flat JSON object.
configText :: String -> String -> String
configText json name = decode (head (mapMaybe (stripPrefix key) (tails json)))
  where
    key = "\"" ++ name ++ "\":\""
    decode ('"' : _) = ""
    decode ('\\' : 'u' : rest)
      | high >= 0xD800 && high < 0xDC00 = chr (0x10000 + (high - 0xD800) * 0x400 + low - 0xDC00) : decode (drop 10 rest)
      | otherwise = chr high : decode (drop 4 rest)
      where
        high = hex (take 4 rest)
        low = hex (take 4 (drop 6 rest))
    decode ('\\' : kind : rest) = (case kind of 'n' -> '\n'; 't' -> '\t'; other -> other) : decode rest
    decode (letter : rest) = letter : decode rest
    decode [] = error "a text of the configuration has no end"
    hex = fst . head . readHex

statePath :: String -> IO FilePath
statePath name = (</> name) <$> getEnv "STATE_DIR"

readText :: FilePath -> IO (Maybe String)
readText path = do
  found <- try (Bytes.readFile path) :: IO (Either IOException Bytes.ByteString)
  return (either (const Nothing) (Just . Text.unpack . Text.decodeUtf8) found)

writeText :: FilePath -> String -> IO Bool
writeText path text = do
  done <- try (Bytes.writeFile path (Text.encodeUtf8 (Text.pack text))) :: IO (Either IOException ())
  return (either (const False) (const True) done)

put :: String -> String -> IO ()
put name text = do
  path <- statePath name
  createDirectoryIfMissing True (takeDirectory path)
  _ <- writeText path text
  return ()

hour :: String -> Integer -> IO Int
hour zone instant = do
  unless (zone == "local") (setEnv "TZ" zone)
  let moment = posixSecondsToUTCTime (fromInteger instant)
  known <- getTimeZone moment
  unsetEnv "TZ"
  return (todHour (localTimeOfDay (utcToLocalTime known moment)))

yesNo :: Bool -> String
yesNo found = if found then "yes" else "no"

run :: IO ()
run = do
  config <- getEnv "BOT_CONFIG"
  stopped <- newIORef False
  lastText <- newIORef ""
  forM_ (lines (configText config "steps")) $ \line -> do
    let (verb, after) = break isSpace line
        rest = drop 1 after
        parts = words rest
        first = head parts
    case verb of
      "say" -> putStrLn rest
      "err" -> hPutStrLn stderr rest
      "open" -> putStr rest >> hFlush stdout
      "arguments" -> getArgs >>= \found -> putStrLn ("arguments " ++ show (length found))
      "stdin" -> Bytes.getContents >>= \found -> putStrLn ("stdin " ++ show (Bytes.length found))
      "directory" -> getCurrentDirectory >>= putStrLn . ("directory " ++)
      "environment" -> do
        found <- getEnvironment
        forM_ found $ \(name, value) -> putStrLn ("environment " ++ name ++ "=" ++ value)
      "config" -> putStrLn ("config " ++ configText config rest)
      "hour" -> hour first (read (parts !! 1)) >>= \found -> putStrLn (unwords ["hour", first, show found])
      "find" -> do
        found <- try (Bytes.readFile first) :: IO (Either IOException Bytes.ByteString)
        let inside = not . Bytes.null . snd . Bytes.breakSubstring (Bytes8.pack (concat (tail parts)))
        putStrLn (unwords ["find", first, either (const "unreadable") (yesNo . inside) found])
      "touch" -> writeText rest "x" >>= \done -> putStrLn (unwords ["touch", rest, yesNo done])
      "result" -> do
        directory <- getEnv "CODE_MOUNT_DIR"
        _ <- writeText ("/" ++ directory ++ "/result.json") rest
        return ()
      "put" -> put first (drop (length first + 1) rest)
      "get" -> do
        found <- statePath rest >>= readText
        putStrLn (unwords ["get", rest, fromMaybe "absent" found])
      "flood" -> do
        hSetBuffering stdout (BlockBuffering Nothing)
        forM_ [0 .. read rest - 1 :: Int] $ \number -> printf "flood %06d %s\n" number (replicate 87 '.')
        hSetBuffering stdout LineBuffering
      "eat" -> do
        kept <- forM [1 .. read rest :: Int] $ \_ -> do
          block <- mallocBytes 1048576 :: IO (Ptr ())
          fillBytes block 120 1048576
          return block
        putStrLn ("ate " ++ show (length kept))
      "exit" -> case read rest of
        0 -> exitSuccess
        code -> exitWith (ExitFailure code)
      "throw" -> ioError (userError rest)
      "trap" -> do
        writeIORef lastText rest
        _ <- installHandler sigTERM (Catch (writeIORef stopped True)) Nothing
        return ()
      "ignore" -> installHandler sigTERM Ignore Nothing >> return ()
      "wait" -> do
        waitFor stopped
        text <- readIORef lastText
        put "last" text
        putStrLn ("stopped " ++ text)
      other -> error ("unknown step " ++ other)

waitFor :: IORef Bool -> IO ()
waitFor stopped = do
  done <- readIORef stopped
  unless done (threadDelay 20000 >> waitFor stopped)

jsonText :: Maybe String -> String
jsonText Nothing = "null"
jsonText (Just text) = "\"" ++ concatMap escaped text ++ "\""
  where
    escaped letter = if letter `elem` "\"\\" then ['\\', letter] else [letter]

-- The parameters are JSON already.
answer :: String -> String -> IO String
answer path params = do
  mark <- statePath "mark" >>= readText
  case path of
    "/error" -> do
      let reason = "no " ++ fromMaybe "null" mark ++ " here"
      return ("{\"status\": \"error\", \"error\": " ++ jsonText (Just reason) ++ "}")
    "/throw" -> ioError (userError "kaboom")
    "/big" -> return ("{\"status\": \"ok\", \"data\": \"" ++ replicate 400000 'x' ++ "\"}")
    _ -> do
      if path == "/write" then put "mark" "written by a query" else return ()
      [found, number, text] <- mapM lookupEnv ["QUERY_PATH", "QUERY_PARAM_number", "QUERY_PARAM_text"]
      let fields =
            [ ("mark", jsonText mark),
              ("params", params),
              ("path", jsonText found),
              ("number", jsonText number),
              ("text", jsonText text)
            ]
          members = ["\"" ++ name ++ "\": " ++ value | (name, value) <- fields]
      return ("{\"status\": \"ok\", \"data\": {" ++ intercalate ", " members ++ "}}")

serveOne :: Socket -> IO ()
serveOne connection = receive Bytes.empty
  where
    receive before = do
      block <- Socket.recv connection 4096
      let request = before <> block
          (start, rest) = Bytes.breakSubstring (Bytes8.pack "\r\n\r\n") request
          header = lines (filter (/= '\r') (Bytes8.unpack start))
          size = maybe 0 read (listToMaybe (mapMaybe (stripPrefix "Content-Length: ") header)) :: Int
          body = Bytes.drop 4 rest
      if Bytes.null block
        then return ()
        else
          if Bytes.null rest || Bytes.length body < size
            then receive request
            else reply (takeWhile (/= '?') (words (head header) !! 1)) (Text.unpack (Text.decodeUtf8 body))
    reply path params = do
      found <- Text.encodeUtf8 . Text.pack <$> answer path params
      let start = "HTTP/1.1 200 OK\r\nContent-Length: " ++ show (Bytes.length found) ++ "\r\nConnection: close\r\n\r\n"
      Socket.sendAll connection (Bytes8.pack start <> found)

serve :: IO ()
serve = do
  port <- maybe 9476 read <$> lookupEnv "THE0_QUERY_PORT"
  listening <- socket AF_INET Stream defaultProtocol
  setSocketOption listening ReuseAddr 1
  bind listening (SockAddrInet (fromInteger port) 0)
  listen listening 16
  forever (bracket (fst <$> accept listening) close serveOne)

query :: IO ()
query = do
  asked <- lookupEnv "QUERY_PATH"
  case asked of
    Nothing -> serve
    Just path -> do
      found <- getEnv "QUERY_PARAMS" >>= answer path
      if path == "/print"
        then putStrLn "not the answer" >> putStrLn found
        else writeText "/query/result.json" found >> return ()
      if path == "/error" then exitWith (ExitFailure 1) else exitSuccess

main :: IO ()
main = do
  hSetBuffering stdout LineBuffering
  named <- getProgName
  if "query" `isSuffixOf` named then query else run
