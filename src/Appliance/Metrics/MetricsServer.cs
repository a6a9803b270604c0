// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Logging;

namespace Capbox.Metrics;

/// <summary>
/// GET /metrics over HTTP/1.1, one request a connection. So little is asked of it that a web server would be the larger part of the
/// program; bounded in clients, bytes and time.
/// </summary>
internal sealed class MetricsServer : IDisposable
{
    public const int MaxClients = 8, MaxRequestBytes = 8192;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(5), s_pauseAfterError = TimeSpan.FromSeconds(1);

    private readonly Func<string> _text;
    private readonly ILogger _logger;
    private readonly string? _path; // null: not a socket in the file system
    private readonly Socket _listener;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _accepting;
    private int _clients;

    /// <param name="address">Loopback address and port, or the path of a socket.</param>
    /// <param name="text">Makes the answer.</param>
    /// <param name="logger">For what goes wrong.</param>
    /// <exception cref="IOException">It cannot listen there.</exception>
    public MetricsServer(EndPoint address, Func<string> text, ILogger logger)
    {
        (_path, _text, _logger) = ((address as UnixDomainSocketEndPoint)?.ToString(), text, logger);
        // .NET reuses an address that only old connections still have; ReuseAddress would share it with another process.
        _listener = new Socket(address.AddressFamily, SocketType.Stream, _path is null ? ProtocolType.Tcp : ProtocolType.Unspecified);
        try
        {
            if (_path is { } path)
            {
                // The kernel's answer, ENOENT, would be told as an address that cannot be had.
                if (Path.GetDirectoryName(path) is { Length: > 0 } directory && !Directory.Exists(directory))
                    throw new IOException($"{directory}: no such directory");
                RemoveLeftover(path);
            }

            _listener.Bind(address);
            if (_path is not null)
                File.SetUnixFileMode(_path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite);
            _listener.Listen(MaxClients);
        }
        catch (Exception e) when (e is IOException or SocketException or UnauthorizedAccessException)
        {
            _listener.Dispose();
            throw new IOException($"metrics: {address}: {e.Message}", e);
        }

        _accepting = Task.Run(AcceptAsync);
    }

    public void Dispose()
    {
        if (_stop.IsCancellationRequested)
            return;
        _stop.Cancel();
        _listener.Dispose();
        _accepting.Wait();
        if (_path is { } path)
            File.Delete(path);
    }

    /// <summary>A socket that a dead process left; never anything else.</summary>
    private static void RemoveLeftover(string path)
    {
        if (!File.Exists(path))
            return;
        // A socket cannot be opened (ENXIO, open(2)); what can be is somebody's file.
        if (CanOpen(path))
            throw new IOException("there is a file that is no socket");
        using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            probe.Connect(new UnixDomainSocketEndPoint(path));
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionRefused)
        {
            File.Delete(path);
            return;
        }

        throw new IOException("another program listens there");
    }

    private static bool CanOpen(string path)
    {
        try
        {
            using FileStream file = File.OpenRead(path);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }

    private async Task AcceptAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                Socket client = await _listener.AcceptAsync(_stop.Token);
                if (Interlocked.Increment(ref _clients) <= MaxClients)
                    _ = Task.Run(() => ServeAsync(client));
                else
                    Leave(client);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                if (_stop.IsCancellationRequested)
                    return;
                _logger.LogError("metrics: {Reason}", e.Message);
                await Task.Delay(s_pauseAfterError);
            }
        }
    }

    private void Leave(Socket client)
    {
        client.Dispose();
        Interlocked.Decrement(ref _clients);
    }

    private async Task ServeAsync(Socket client)
    {
        try
        {
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
            patience.CancelAfter(s_patience);
            string? head = await ReadHeadAsync(client, patience.Token);
            ReadOnlyMemory<byte> answer = Answer(head);
            while (answer.Length > 0)
                answer = answer[await client.SendAsync(answer, patience.Token)..];
            client.Shutdown(SocketShutdown.Send);
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // It has gone, or was too slow.
        }
        finally
        {
            Leave(client);
        }
    }

    /// <summary>Up to the empty line; null: it is too long, or ended before.</summary>
    private static async Task<string?> ReadHeadAsync(Socket client, CancellationToken patience)
    {
        byte[] buffer = new byte[MaxRequestBytes];
        int have = 0;
        while (have < buffer.Length)
        {
            int got = await client.ReceiveAsync(buffer.AsMemory(have), patience);
            if (got == 0)
                return null;
            have += got;
            if (buffer.AsSpan(0, have).IndexOf("\r\n\r\n"u8) is >= 0 and var end)
                return Encoding.ASCII.GetString(buffer, 0, end);
        }

        return null;
    }

    private byte[] Answer(string? head)
    {
        string[] line = head?.Split("\r\n", 2)[0].Split(' ') ?? [];
        if (line.Length != 3 || !line[2].StartsWith("HTTP/1.", StringComparison.Ordinal))
            return Response("400 Bad Request", "text/plain", "not an HTTP/1.1 request\n");
        if (line[1].Split('?')[0] != "/metrics")
            return Response("404 Not Found", "text/plain", "there is /metrics\n");
        return line[0] switch
        {
            "GET" => Response("200 OK", MetricsText.ContentType, _text()),
            _ => Response("405 Method Not Allowed", "text/plain", "GET\n", "Allow: GET\r\n"),
        };
    }

    private static byte[] Response(string status, string type, string body, string more = "")
    {
        byte[] bytes = Encoding.UTF8.GetBytes(body);
        string head = string.Create(
            System.Globalization.CultureInfo.InvariantCulture, $"HTTP/1.1 {status}\r\nContent-Type: {type}\r\nContent-Length: {bytes.Length}\r\nConnection: close\r\n{more}\r\n");
        return [.. Encoding.ASCII.GetBytes(head), .. bytes];
    }
}
