// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;

namespace Capbox.Testing;

/// <summary>A mosquitto of its own in the recorder's namespace, where a TCP port is free for sure; it may be stopped, killed and started again.</summary>
internal sealed class Broker : IDisposable
{
    public const int Port = 1883, TlsPort = 8883;
    private readonly Lab _lab;
    private readonly string _config, _space;
    private readonly List<WireCheck> _checks = [];
    private readonly HashSet<(string Topic, string Payload)> _forged = []; // what a test said in a box's place
    private Process? _process;

    /// <param name="lab">Where it runs.</param>
    /// <param name="lines">Of its configuration, beside the listener in the clear.</param>
    public Broker(Lab lab, params string[] lines) : this(lab, lab.RecorderSpace, "127.0.0.1", lines)
    {
    }

    /// <summary>In another namespace, at all its addresses.</summary>
    public static Broker In(Lab lab, string space) => new(lab, space, "0.0.0.0", []);

    private Broker(Lab lab, string space, string address, string[] lines)
    {
        (_lab, _space) = (lab, space);
        _config = Path.Combine(lab.Scratch, "mosquitto.conf");
        File.WriteAllLines(_config, ["user root", "per_listener_settings true", $"listener {Port} {address}", "allow_anonymous true", "max_packet_size 2000000", .. lines]);
        Start();
    }

    public void Start()
    {
        _process = Process.Start(Tool.Info("ip", "netns", "exec", _space, "mosquitto", "-c", _config))!;
        _process.BeginErrorReadLine();
        _process.BeginOutputReadLine();
        Tool.WaitFor(() => Tool.Try("ip", "netns", "exec", _space, "mosquitto_pub", "-p", $"{Port}", "-t", "probe", "-n").Code == 0, "mosquitto");
        _checks.Add(new WireCheck(_space));
    }

    public void Signal(string name) => Tool.Run("kill", "-" + name, _process!.Id.ToString(CultureInfo.InvariantCulture));

    public void Kill()
    {
        _process!.Kill();
        _process.WaitForExit();
    }

    public void Dispose()
    {
        if (_process is { HasExited: false })
        {
            Signal("CONT");
            Kill();
        }

        _process?.Dispose();
        // Every message that was heard is as its schema says.
        foreach (WireCheck check in _checks)
            check.End(_forged);
    }

    /// <summary>Publishes with Debian's client.</summary>
    public void Publish(string topic, string payload, bool retain = false, params string[] options)
    {
        _forged.Add((topic, payload));
        string file = Path.Combine(_lab.Scratch, $"payload{Random.Shared.Next()}");
        File.WriteAllText(file, payload);
        Tool.Run("ip", ["netns", "exec", _lab.RecorderSpace, "mosquitto_pub", "-V", "5", "-q", "1", "-p", $"{Port}", "-t", topic, "-f", file, .. Enumerable.Repeat("-r", retain ? 1 : 0), .. options]);
    }

    /// <summary>Asks a command with Debian's client; the answer, which is as its schema says.</summary>
    public string Ask(string device, string command, string payload = "{}", string requester = "test")
    {
        string answer = Tool.Run(
            "ip", "netns", "exec", _lab.RecorderSpace, "mosquitto_rr", "-V", "5", "-p", $"{Port}", "-t", $"capbox/v1/{device}/cmd/{command}", "-e", $"capbox/v1/{device}/reply/{requester}", "-m", payload, "-W", "20").Trim();
        IReadOnlyList<string> problems = WireSchemas.ReplyProblems(command, answer);
        return problems.Count == 0 ? answer : throw new InvalidOperationException($"{command}: {answer}: {string.Join("; ", problems)}");
    }
}

/// <summary>Hears all that is said at a broker, with Debian's client.</summary>
internal sealed class Listener : IDisposable
{
    private readonly Process _process;
    private readonly ConcurrentQueue<(string Topic, string Payload)> _heard = new();

    /// <param name="lab">Where it runs.</param>
    /// <param name="topic">What it hears.</param>
    /// <param name="space">Its namespace; null: the recorder's.</param>
    /// <param name="session">A name by which the broker keeps for it what it was not there to hear; null: none.</param>
    public Listener(Lab lab, string topic = "capbox/#", string? space = null, string? session = null)
    {
        _process = new Process { StartInfo = Tool.Info("ip", ["netns", "exec", space ?? lab.RecorderSpace, "mosquitto_sub", "-V", "5", "-q", "1", "-p", $"{Broker.Port}", "-t", topic, "-F", "%t %p", .. session is null ? Array.Empty<string>() : ["-c", "-i", session]]) };
        _process.OutputDataReceived += (_, e) =>
        {
            if (e.Data is { } line && line.Split(' ', 2) is [var name, var payload])
                _heard.Enqueue((name, payload));
        };
        _process.Start();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    public IReadOnlyList<(string Topic, string Payload)> Heard => [.. _heard];

    /// <summary>What was said last in a topic; null: nothing.</summary>
    public string? Last(string suffix) => Heard.LastOrDefault(m => m.Topic.EndsWith("/" + suffix, StringComparison.Ordinal)).Payload;

    public void WaitFor(string suffix, string part, int seconds = Tool.LimitSeconds)
    {
        try
        {
            Tool.WaitFor(() => Last(suffix)?.Contains(part, StringComparison.Ordinal) == true, $"{part} in {suffix}", seconds);
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException($"{e.Message}; last: {Last(suffix)}");
        }
    }

    public void Dispose()
    {
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }
}

/// <summary>Keys and certificates by openssl: an authority, a broker and a box.</summary>
internal sealed class Certificates
{
    private readonly string _directory;

    public Certificates(Lab lab, string name = "pki")
    {
        _directory = Path.Combine(lab.Scratch, name);
        Directory.CreateDirectory(_directory);
        Openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", Of("ca.key"), "-out", Of("ca.pem"), "-days", "30", "-subj", $"/CN={name}");
    }

    public string Ca => Of("ca.pem");

    public string Of(string file) => Path.Combine(_directory, file);

    /// <summary>NAME.pem and NAME.key, for a host name or as a client.</summary>
    /// <param name="name">Common name, and of the files.</param>
    /// <param name="host">Subject alternative name.</param>
    /// <param name="days">Validity from now; negative: it is over.</param>
    public (string Certificate, string Key) Issue(string name, string host = "localhost", int days = 30)
    {
        Openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", Of($"{name}.key"), "-out", Of($"{name}.csr"), "-subj", $"/CN={name}");
        string extensions = Of($"{name}.ext");
        File.WriteAllText(extensions, System.Net.IPAddress.TryParse(host, out _) ? $"subjectAltName=IP:{host}" : $"subjectAltName=DNS:{host}");
        Openssl("x509", "-req", "-in", Of($"{name}.csr"), "-CA", Ca, "-CAkey", Of("ca.key"), "-CAcreateserial", "-out", Of($"{name}.pem"), "-days", days.ToString(CultureInfo.InvariantCulture), "-extfile", extensions);
        File.SetUnixFileMode(Of($"{name}.key"), UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return (Of($"{name}.pem"), Of($"{name}.key"));
    }

    private static void Openssl(params string[] arguments) => Tool.Run("openssl", arguments);
}
