// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Capbox.Commands;
using Capbox.Platform.Linux;

namespace Capbox.LocalSocket;

/// <summary>The other end: asks the recorder that records into an archive. One conversation, any number of questions.</summary>
internal sealed class ControlClient : IDisposable
{
    private const int PatienceMs = 15_000;
    private const int MaxAnswerBytes = 64 << 20;
    private readonly Socket _socket;
    private readonly string _archive;
    private readonly List<byte> _rest = [];

    private ControlClient(Socket socket, string archive)
    {
        _socket = socket;
        _archive = archive;
    }

    /// <exception cref="RequestRefusedException">Nobody records into this archive, or it may not be asked.</exception>
    public static ControlClient Connect(string archive)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { SendTimeout = PatienceMs, ReceiveTimeout = PatienceMs };
        try
        {
            using var address = new ControlAddress(archive);
            socket.Connect(address.EndPoint);
            return new ControlClient(socket, archive);
        }
        catch (SocketException e)
        {
            socket.Dispose();
            throw e.SocketErrorCode == SocketError.AccessDenied ? Refused(archive, e) : new RequestRefusedException($"no capbox records into {archive}", e);
        }
        catch (IOException e)
        {
            int errno = Marshal.GetLastPInvokeError();
            socket.Dispose();
            throw errno is Errno.EACCES or Errno.EPERM ? Refused(archive, e)
                : Directory.Exists(archive) ? new RequestRefusedException($"no capbox records into {archive}", e)
                : new RequestRefusedException($"{archive}: no such directory", e);
        }
    }

    /// <summary>One question, one answer.</summary>
    /// <param name="request">A JSON object of one line.</param>
    /// <returns>The result, JSON text.</returns>
    /// <exception cref="RequestRefusedException">The recorder refuses, or does not answer.</exception>
    public string Ask(string request)
    {
        try
        {
            byte[] bytes = Encoding.UTF8.GetBytes(request + "\n");
            for (int sent = 0; sent < bytes.Length;)
                sent += _socket.Send(bytes.AsSpan(sent));
        }
        catch (SocketException)
        {
            // It may have said why before it hung up.
        }

        using JsonDocument answer = JsonDocument.Parse(ReadLine());
        if (answer.RootElement.GetProperty("ok").GetBoolean())
            return answer.RootElement.GetProperty("result").GetRawText();
        throw new RequestRefusedException(answer.RootElement.GetProperty("error").GetString() ?? "refused");
    }

    public void Dispose() => _socket.Dispose();

    private byte[] ReadLine()
    {
        byte[] buffer = new byte[64 * 1024];
        int end;
        while ((end = _rest.IndexOf((byte)'\n')) < 0)
        {
            int got;
            try
            {
                got = _socket.Receive(buffer);
            }
            catch (SocketException e)
            {
                throw new RequestRefusedException($"the capbox that records into {_archive} does not answer: {e.Message}", e);
            }

            if (got == 0 || _rest.Count > MaxAnswerBytes)
                throw new RequestRefusedException($"the capbox that records into {_archive} ended the conversation");
            _rest.AddRange(buffer.AsSpan(0, got));
        }

        byte[] line = [.. _rest.GetRange(0, end)];
        _rest.RemoveRange(0, end + 1);
        return line;
    }

    private static RequestRefusedException Refused(string archive, Exception e) => new($"{archive}: permission denied; root and the user that records may control it", e) { IsDenied = true };
}
