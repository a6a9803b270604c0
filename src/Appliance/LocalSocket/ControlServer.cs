// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Capbox.Commands;
using Capbox.Platform.Linux;
using Microsoft.Extensions.Logging;

namespace Capbox.LocalSocket;

/// <summary>
/// The control socket: one JSON object a line in, one a line out (docs/reference/control.md). For the owner of the recorder and root alone.
/// Bounded in everything: clients, bytes of a line,
/// time for a request and for an answer. It serves beside the recording and never holds it up.
/// </summary>
internal sealed class ControlServer : IDisposable
{
    /// <summary>Longest request, bytes with its newline.</summary>
    public const int MaxLineBytes = 1200 * 1024;
    public const int MaxClients = 16;

    /// <summary>Most requests fit; room for more is taken when one does not, as one with a configuration document.</summary>
    private const int FirstLineBytes = 16 * 1024;

    /// <summary>Time for a request to arrive whole, and for an answer to be taken.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan s_pauseAfterError = TimeSpan.FromSeconds(1);
    private static readonly JsonDocumentOptions s_strict = new() { MaxDepth = 16 };

    /// <summary>SOL_SOCKET, SO_PEERCRED and struct ucred {pid, uid, gid}, unix(7).</summary>
    private const int SolSocket = 1, SoPeerCred = 17, CredentialBytes = 12, UidOffset = 4;

    private readonly CommandTable _commands;
    private readonly ILogger _logger;
    private readonly ControlAddress _address;
    private readonly Socket _listener;
    private readonly CancellationTokenSource _stop = new();
    private readonly uint _owner = LibC.geteuid();
    private readonly Task _accepting;
    private int _clients;

    /// <summary>Opens the socket. The caller has the archive's lock, so a socket file that is there belongs to nobody.</summary>
    /// <param name="archive">The archive.</param>
    /// <param name="commands">What it serves.</param>
    /// <param name="logger">For refused clients.</param>
    /// <exception cref="IOException">The socket cannot be made; the message names it.</exception>
    public ControlServer(string archive, CommandTable commands, ILogger logger)
    {
        _commands = commands;
        _logger = logger;
        _address = new ControlAddress(archive);
        _listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            File.Delete(_address.Path);
            _listener.Bind(_address.EndPoint);
            // Before it listens, so nobody gets in through the mode it was born with.
            File.SetUnixFileMode(_address.Path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            _listener.Listen(MaxClients);
        }
        catch (Exception e) when (e is IOException or SocketException or UnauthorizedAccessException)
        {
            _listener.Dispose();
            _address.Dispose();
            throw new IOException($"{_address.Path}: {e.Message}", e);
        }

        _accepting = Task.Run(AcceptAsync);
    }

    /// <summary>Ends all conversations and takes the socket away.</summary>
    public void Dispose()
    {
        if (_stop.IsCancellationRequested)
            return;
        _stop.Cancel();
        _listener.Dispose();
        _accepting.Wait();
        // An answer under way is given up when its patience ends; nothing here waits for it.
        try
        {
            File.Delete(_address.Path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _logger.LogWarning("control: {Path}: {Reason}", _address.Path, e.Message);
        }

        _address.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                Socket client = await _listener.AcceptAsync(_stop.Token);
                if (Admit(client, out uint uid) is { } refusal)
                    Refuse(client, refusal);
                else
                    _ = Task.Run(() => ServeAsync(client, $"socket:{uid}"));
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                if (_stop.IsCancellationRequested)
                    return;
                // As when the process is out of descriptors.
                _logger.LogError("control: {Reason}", e.Message);
                await Task.Delay(s_pauseAfterError);
            }
        }
    }

    /// <summary>Counts the client in and gives null, or says why it may not stay.</summary>
    private string? Admit(Socket client, out uint uid)
    {
        Span<byte> credentials = stackalloc byte[CredentialBytes];
        uid = client.GetRawSocketOption(SolSocket, SoPeerCred, credentials) == CredentialBytes
            ? BinaryPrimitives.ReadUInt32LittleEndian(credentials[UidOffset..])
            : uint.MaxValue;
        if (uid != 0 && uid != _owner)
        {
            _logger.LogWarning("control: user {Uid} was refused", uid);
            return $"user {uid} may not control this recorder; root and user {_owner} may";
        }

        if (Interlocked.Increment(ref _clients) <= MaxClients)
            return null;
        Interlocked.Decrement(ref _clients);
        return $"{MaxClients} clients are connected already";
    }

    /// <summary>Says why if the client's buffer takes it at once; waits for nobody.</summary>
    private static void Refuse(Socket client, string refusal)
    {
        try
        {
            client.Blocking = false;
            client.Send(Error(refusal));
        }
        catch (SocketException)
        {
            // It has gone.
        }

        client.Dispose();
    }

    private async Task ServeAsync(Socket client, string requester)
    {
        try
        {
            using (client)
                await ConverseAsync(client, requester);
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // It has gone, or was too slow.
        }
        finally
        {
            Interlocked.Decrement(ref _clients);
        }
    }

    private async Task ConverseAsync(Socket client, string requester)
    {
        byte[] buffer = new byte[FirstLineBytes];
        int have = 0;
        while (true)
        {
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
            patience.CancelAfter(s_patience);
            int line;
            while ((line = buffer.AsSpan(0, have).IndexOf((byte)'\n')) < 0)
            {
                if (have == buffer.Length && have < MaxLineBytes)
                    Array.Resize(ref buffer, Math.Min(2 * have, MaxLineBytes));
                if (have == buffer.Length)
                {
                    await SendAsync(client, Error($"a request is longer than {MaxLineBytes} bytes"), patience.Token);
                    return;
                }

                int got = await client.ReceiveAsync(buffer.AsMemory(have), patience.Token);
                if (got == 0)
                    return;
                have += got;
            }

            byte[] answer = Answer(buffer.AsMemory(0, line), requester);
            buffer.AsSpan(line + 1, have - line - 1).CopyTo(buffer);
            have -= line + 1;
            // What it took to find the answer is no fault of the client's; and a change that makes the recorder start again is answered
            // although this server ends meanwhile.
            using var reading = new CancellationTokenSource(s_patience);
            await SendAsync(client, answer, reading.Token);
        }
    }

    private static async Task SendAsync(Socket client, ReadOnlyMemory<byte> bytes, CancellationToken patience)
    {
        while (bytes.Length > 0)
            bytes = bytes[await client.SendAsync(bytes, patience)..];
    }

    /// <summary>Whatever the line holds, there is an answer.</summary>
    private byte[] Answer(ReadOnlyMemory<byte> line, string requester)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(line, s_strict);
            return Encoding.UTF8.GetBytes($"{{\"ok\":true,\"result\":{_commands.Run(new CommandRequest(document.RootElement, requester))}}}\n");
        }
        catch (RequestRefusedException e)
        {
            return Error(e.Message);
        }
        catch (JsonException)
        {
            return Error("a request is one JSON object on one line");
        }
        catch (InvalidOperationException)
        {
            return Error("a string is not valid UTF-8");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Error(e.Message);
        }
    }

    private static byte[] Error(string reason) =>
        Encoding.UTF8.GetBytes($"{{\"ok\":false,\"error\":{JsonSerializer.Serialize(reason, ControlJson.Default.String)}}}\n");
}
