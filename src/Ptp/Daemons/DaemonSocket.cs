// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace Capbox.Ptp.Daemons;

/// <summary>
/// A datagram socket to a program on this machine: a Unix socket, or UDP to a loopback address. It is connected, so the kernel accepts
/// datagrams of that program's socket only. A Unix socket needs a name for the answers: in /run, where only root creates names, else in a
/// private directory; both are removed with this object.
/// </summary>
internal sealed class DaemonSocket : IDisposable
{
    private const UnixFileMode Everyone = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite
        | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;

    /// <summary>Timeout of a call, ms: the peer's queue is full, or a datagram that poll(2) announced is missing.</summary>
    private const int MostMs = 100;

    private readonly Socket _socket;
    private readonly string? _path, _directory;

    /// <param name="address">A path, or a loopback address with a port: 127.0.0.1:323, [::1]:323.</param>
    /// <param name="prefix">Prefix of our own socket's name.</param>
    /// <exception cref="IOException">No program listens at that address, or access is denied.</exception>
    public DaemonSocket(string address, string prefix)
    {
        bool isPath = address.StartsWith('/');
        AddressFamily family = isPath ? AddressFamily.Unix : IPEndPoint.Parse(address).AddressFamily;
        _socket = new Socket(family, SocketType.Dgram, ProtocolType.Unspecified) { SendTimeout = MostMs, ReceiveTimeout = MostMs };
        try
        {
            if (isPath)
            {
                (_directory, _path) = Place(prefix);
                _socket.Bind(new UnixDomainSocketEndPoint(_path));
                // The peer may run as another user, and must be able to write here. Others cannot: the socket is connected.
                File.SetUnixFileMode(_path, Everyone);
                _socket.Connect(new UnixDomainSocketEndPoint(address));
            }
            else
            {
                _socket.Connect(IPEndPoint.Parse(address));
            }
        }
        catch (Exception e) when (e is SocketException or UnauthorizedAccessException or ArgumentException)
        {
            Dispose();
            string reason = isPath && !File.Exists(address) ? "no such socket"
                : e is SocketException { SocketErrorCode: SocketError.ConnectionRefused } ? "connection refused"
                : e.Message;
            throw new IOException($"{address}: {reason}", e);
        }
    }

    /// <summary>Sends a datagram. False: the peer is gone, or does not accept it.</summary>
    public bool TrySend(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return _socket.Send(bytes) == bytes.Length;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    /// <summary>Waits for a datagram.</summary>
    /// <param name="mostMs">Longest wait, ms.</param>
    /// <param name="bytes">
    /// Length of the datagram, which may be 0. A datagram longer than the buffer is cut: it is no valid answer either way.
    /// </param>
    /// <returns>False: nothing arrived in time, or the peer is gone.</returns>
    public bool TryReceive(Span<byte> to, int mostMs, out int bytes)
    {
        bytes = 0;
        try
        {
            if (!_socket.Poll(mostMs * 1000, SelectMode.SelectRead))
                return false;
            bytes = _socket.Receive(to);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    public void Dispose()
    {
        _socket.Dispose();
        try
        {
            if (_path is not null)
                File.Delete(_path);
            if (_directory is not null)
                Directory.Delete(_directory);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Another program removed it, or put a file there.
        }
    }

    private static (string? Directory, string Path) Place(string prefix)
    {
        string unique = RandomNumberGenerator.GetHexString(12, lowercase: true);
        string name = string.Create(CultureInfo.InvariantCulture, $"{prefix}.{Environment.ProcessId}-{unique}.sock");
        if (Environment.UserName == "root" && Directory.Exists("/run"))
            return (null, Path.Combine("/run", name));
        string directory = Directory.CreateTempSubdirectory("capbox-").FullName;
        return (directory, Path.Combine(directory, name));
    }
}
