// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Capbox.Cli;
using Capbox.LocalSocket;
using Capbox.Packets.Capture;
using Capbox.Packets.Storage;
using Xunit;

namespace Capbox.Tests.Integration;

/// <summary>The control socket against friends and everybody else.</summary>
[Collection("Remote")]
public class ControlTests
{
    private const int PatienceMs = 8000;

    private sealed class Client : IDisposable
    {
        private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { ReceiveTimeout = PatienceMs, SendTimeout = PatienceMs };
        private readonly NetworkStream _stream;
        private readonly StreamReader _reader;

        public Client(string archive)
        {
            using var address = new ControlAddress(archive);
            _socket.Connect(address.EndPoint);
            _stream = new NetworkStream(_socket);
            _reader = new StreamReader(_stream);
        }

        public void Write(byte[] bytes)
        {
            try
            {
                _stream.Write(bytes);
            }
            catch (IOException)
            {
                // It hung up on us: the answer tells why.
            }
        }

        /// <summary>The next line, null at the end.</summary>
        public string? Line()
        {
            try
            {
                return _reader.ReadLine();
            }
            catch (IOException e) when (e.InnerException is SocketException { SocketErrorCode: SocketError.ConnectionReset })
            {
                return null;
            }
        }

        public JsonElement Ask(string request)
        {
            Write(Encoding.UTF8.GetBytes(request + "\n"));
            using JsonDocument document = JsonDocument.Parse(Line() ?? throw new InvalidOperationException("no answer"));
            return document.RootElement.Clone();
        }

        public void Dispose()
        {
            _reader.Dispose();
            _stream.Dispose();
            _socket.Dispose();
        }
    }

    private static void AssertRefused(JsonElement answer, string why)
    {
        Assert.False(answer.GetProperty("ok").GetBoolean());
        Assert.Contains(why, answer.GetProperty("error").GetString(), StringComparison.Ordinal);
    }

    private static string SocketPath(string archive) => ArchiveDirectory.StatePath(archive, ControlAddress.Name);

    [Fact]
    public void Garbage_is_answered_and_the_conversation_goes_on()
    {
        using var lab = new Lab();
        using CapboxProcess capbox = CapboxProcess.Start(lab, "--port", "b0", "--archive", lab.Archive);
        using var client = new Client(lab.Archive);
        AssertRefused(client.Ask("hello"), "one JSON object");
        AssertRefused(client.Ask(""), "one JSON object");
        AssertRefused(client.Ask("[1,2]"), "expected an object");
        AssertRefused(client.Ask("{}"), "$.command: this key is required");
        AssertRefused(client.Ask("""{"command": 7}"""), "$.command: expected a string");
        AssertRefused(client.Ask("""{"command": "reboot-now"}"""), "there is no \"reboot-now\"; there are ");
        AssertRefused(client.Ask("""{"command": "reboot"}"""), "$.control.reboot");
        AssertRefused(client.Ask("""{"command": "status", "verbose": true}"""), "$.verbose: unknown key");
        AssertRefused(client.Ask("""{"command": "status", "command": "rotate"}"""), "appears twice");
        AssertRefused(client.Ask($$"""{"command": "trigger", "reason": "{{new string('x', 201)}}"}"""), "$.reason: at most 200 characters");
        AssertRefused(client.Ask("""{"command": "trigger", "reason": "a\nb"}"""), "$.reason");
        AssertRefused(client.Ask(new string('[', 2000)), "one JSON object");
        client.Write([.. """{"command":"status","x":" """u8, 0xFF, 0xFE, .. "\"}\n"u8]);
        Assert.Contains("\"ok\":false", client.Line(), StringComparison.Ordinal);
        client.Write([0, 1, 2, 0x80, (byte)'\n']);
        Assert.Contains("\"ok\":false", client.Line(), StringComparison.Ordinal);
        // Two at once, and one in pieces.
        client.Write("{\"command\":\"rotate\"}\n{\"command\":\"rota"u8.ToArray());
        Assert.Equal("""{"ok":true,"result":{"requested":true}}""", client.Line());
        client.Write("te\"}\n"u8.ToArray());
        Assert.Equal("""{"ok":true,"result":{"requested":true}}""", client.Line());
        JsonElement status = client.Ask("""{"command":"status"}""");
        RecorderSnapshot snapshot = status.GetProperty("result").Deserialize(Json.Default.RecorderSnapshot)!;
        Assert.Equal("b0", snapshot.Ports[0].Port);
        capbox.Stop();
    }

    [Fact]
    public void A_line_without_end_is_refused_and_a_silent_client_is_left()
    {
        using var lab = new Lab();
        using CapboxProcess capbox = CapboxProcess.Start(lab, "--port", "b0", "--archive", lab.Archive);
        using (var client = new Client(lab.Archive))
        {
            client.Write(new byte[ControlServer.MaxLineBytes]);
            Assert.Contains($"longer than {ControlServer.MaxLineBytes} bytes", client.Line(), StringComparison.Ordinal);
            Assert.Null(client.Line());
        }

        using (var client = new Client(lab.Archive))
        {
            // As long as a line may be.
            byte[] longest = Encoding.UTF8.GetBytes("""{"command":"rotate"}""".PadRight(ControlServer.MaxLineBytes - 1) + "\n");
            client.Write(longest);
            Assert.Contains("\"ok\":true", client.Line(), StringComparison.Ordinal);
        }

        using var silent = new Client(lab.Archive);
        silent.Write("{"u8.ToArray());
        Assert.ThrowsAny<IOException>(() => silent.Line()); // still there after 8 s
        Assert.Null(silent.Line()); // gone after 10
        capbox.Stop();
    }

    [Fact]
    public void A_hundred_clients_get_an_answer_or_a_reason_and_hold_up_nothing()
    {
        using var lab = new Lab();
        using CapboxProcess capbox = CapboxProcess.Start(lab, "--port", "b0", "--archive", lab.Archive);
        var clients = new List<Client>();
        for (int i = 0; i < 100; i++)
            clients.Add(new Client(lab.Archive));
        int served = 0, refused = 0;
        foreach (Client client in clients)
        {
            client.Write("{\"command\":\"status\"}\n"u8.ToArray());
            string? line = client.Line();
            if (line is not null && line.Contains("\"ok\":true", StringComparison.Ordinal))
                served++;
            else if (line is null || line.Contains("16 clients are connected already", StringComparison.Ordinal))
                refused++; // a refusal may be lost when the socket closes on what we wrote
        }

        Assert.Equal((16, 84), (served, refused));
        long sent = lab.Generate("--packets", "5000", "--pps", "20000");
        capbox.WaitUntilSeen(sent);
        clients.ForEach(c => c.Dispose());
        Tool.WaitFor(() => Tool.Try(CapboxProcess.Binary, "status", "--archive", lab.Archive).Code == 0, "room for a client");
        Parallel.For(0, 8, _ =>
        {
            using var client = new Client(lab.Archive);
            for (int i = 0; i < 200; i++)
                Assert.True(client.Ask("""{"command":"status"}""").GetProperty("ok").GetBoolean());
        });
        // Clients that ask and do not read.
        var deaf = new List<Client>();
        for (int i = 0; i < 8; i++)
        {
            deaf.Add(new Client(lab.Archive));
            deaf[i].Write(Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("{\"command\":\"status\"}\n", 200))));
        }

        Assert.Equal(0, Tool.Try(CapboxProcess.Binary, "status", "--archive", lab.Archive).Code);
        deaf.ForEach(c => c.Dispose());
        Assert.Equal((ulong)sent, capbox.Stop().Ports[0].StoredPackets);
        Assert.False(File.Exists(SocketPath(lab.Archive)));
    }

    [Fact]
    public void Nobody_else_may_control_it()
    {
        using var lab = new Lab();
        using CapboxProcess capbox = CapboxProcess.Start(lab, "--port", "b0", "--archive", lab.Archive);
        string binary = Path.Combine(lab.Scratch, "capbox");
        File.Copy(CapboxProcess.Binary, binary);
        Tool.Run("chmod", "755", lab.Scratch, binary);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(SocketPath(lab.Archive)));
        string[] asNobody = ["--reuid=65534", "--regid=65534", "--clear-groups", binary, "status", "--archive", lab.Archive];
        (int code, _, string error) = Tool.Try("setpriv", asNobody);
        Assert.Equal(1, code);
        Assert.Contains("permission denied", error, StringComparison.Ordinal);
        // Even where the file's mode would let one in.
        Tool.Run("chmod", "755", Path.GetDirectoryName(SocketPath(lab.Archive))!);
        Tool.Run("chmod", "666", SocketPath(lab.Archive));
        (code, _, error) = Tool.Try("setpriv", asNobody);
        Assert.Equal(1, code);
        Assert.Contains("user 65534 may not control this recorder", error, StringComparison.Ordinal);
        capbox.Stop();
        Assert.Contains("user 65534 was refused", capbox.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void A_long_path_and_the_socket_of_a_dead_recorder_are_no_obstacle()
    {
        using var lab = new Lab();
        string archive = Path.Combine(lab.Scratch, new string('a', 200), new string('b', 200));
        Directory.CreateDirectory(archive);
        (int code, _, string error) = Tool.Try(CapboxProcess.Binary, "status", "--archive", archive);
        Assert.Equal((1, $"capbox: no capbox records into {archive}\n"), (code, error));
        using (CapboxProcess first = CapboxProcess.Start(lab, "--port", "b0", "--archive", archive))
        {
            Assert.Contains("capturing", Tool.Run(CapboxProcess.Binary, "status", "--archive", archive), StringComparison.Ordinal);
            first.KillHard();
        }

        Assert.True(File.Exists(SocketPath(archive)));
        Assert.Contains("no capbox records", Tool.Try(CapboxProcess.Binary, "rotate", "--archive", archive).Error, StringComparison.Ordinal);
        using CapboxProcess second = CapboxProcess.Start(lab, "--port", "b0", "--archive", archive);
        Tool.WaitFor(() => Tool.Try(CapboxProcess.Binary, "status", "--archive", archive).Code == 0, "the socket to be replaced");
        second.Stop();
        Assert.Contains("no such directory", Tool.Try(CapboxProcess.Binary, "status", "--archive", archive + "x").Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Rotate_seals_what_was_recorded()
    {
        using var lab = new Lab();
        using CapboxProcess capbox = CapboxProcess.Start(lab, "--port", "b0", "--archive", lab.Archive);
        long sent = lab.Generate("--packets", "1000", "--pps", "10000");
        capbox.WaitFor(s => s.Ports[0].StoredPackets == (ulong)sent, "all to be stored");
        Tool.Run(CapboxProcess.Binary, "rotate", "--archive", lab.Archive);
        capbox.WaitFor(s => s.Storage.SegmentsSealed == 1, "the segment to be sealed");
        capbox.Stop();
        Assert.Single(Directory.GetFiles(lab.Archive, "*.pcapng"));
    }
}
