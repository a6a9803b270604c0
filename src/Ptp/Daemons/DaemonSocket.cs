using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace Capbox.Ptp.Daemons;

/// <summary>
/// A datagram socket to a program on this machine: a Unix socket, or UDP to a loopback address. It is connected, so the kernel lets through what that program's socket sends and nothing else. A Unix socket needs a name
/// to be answered at: it lies in /run, where only root makes names, else in a directory of our own, and is removed with this object.
/// </summary>
internal sealed class QuestionSocket : IDisposable
{
    private const UnixFileMode Everyone =
        UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;

    /// <summary>The other one does not read what it is sent, its queue is full; or what poll(2) announced is not there.</summary>
    private const int MostMs = 100;

    private readonly Socket _socket;
    private readonly string? _path, _directory;

    /// <param name="address">A path, or a loopback address with a port: 127.0.0.1:323, [::1]:323.</param>
    /// <param name="prefix">How our own socket's name begins.</param>
    /// <exception cref="IOException">There is nobody at that address, or it may not be asked.</exception>
    public QuestionSocket(string address, string prefix)
    {
        bool isPath = address.StartsWith('/');
        _socket = new Socket(isPath ? AddressFamily.Unix : IPEndPoint.Parse(address).AddressFamily, SocketType.Dgram, ProtocolType.Unspecified) { SendTimeout = MostMs, ReceiveTimeout = MostMs };
        try
        {
            if (isPath)
            {
                (_directory, _path) = Place(prefix);
                _socket.Bind(new UnixDomainSocketEndPoint(_path));
                // The other one may run as another user, and must be able to write here. Nobody else can: the socket is connected.
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
            string reason = isPath && !File.Exists(address) ? "no such socket" : e is SocketException { SocketErrorCode: SocketError.ConnectionRefused } ? "nobody listens there" : e.Message;
            throw new IOException($"{address}: {reason}", e);
        }
    }

    /// <summary>False: the other one is not there any more, or does not take it.</summary>
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
    /// <param name="mostMs">How long.</param>
    /// <param name="bytes">Of the datagram, which may be empty. One that is longer than the room is cut: it is no answer either way.</param>
    /// <returns>False: nothing came in time, or the other one has gone.</returns>
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
            // Somebody else removed it, or put something there.
        }
    }

    private static (string? Directory, string Path) Place(string prefix)
    {
        string name = string.Create(CultureInfo.InvariantCulture, $"{prefix}.{Environment.ProcessId}-{RandomNumberGenerator.GetHexString(12, lowercase: true)}.sock");
        if (Environment.UserName == "root" && Directory.Exists("/run"))
            return (null, Path.Combine("/run", name));
        string directory = Directory.CreateTempSubdirectory("capbox-").FullName;
        return (directory, Path.Combine(directory, name));
    }
}
