// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Capbox.Config;
using MQTTnet;
using MQTTnet.Exceptions;
using MQTTnet.Formatter;
using MQTTnet.Protocol;

namespace Capbox.Mqtt;

/// <summary>
/// What a connection is made with, from the options and their files, which are read again each time: a certificate that was renewed is
/// taken.
/// </summary>
internal static class MqttConnection
{
    /// <summary>Largest message either side takes: a configuration document and its envelope.</summary>
    public const int MaxPacketBytes = 1200 * 1024;

    /// <summary>Messages under way that are not acknowledged yet, in either direction; fewer where the broker wants fewer.</summary>
    public const ushort MaxInFlight = 16;

    /// <exception cref="IOException">A file cannot be used; the message names it.</exception>
    /// <param name="options">What is configured.</param>
    /// <param name="topics">For the last will.</param>
    /// <param name="session">The same.</param>
    /// <param name="secret">By which the box's own broker knows it; null: another broker, and what is configured.</param>
    /// <param name="refused">Told why the broker's certificate is refused.</param>
    public static MqttClientOptions Build(MqttOptions options, Topics topics, string session, string? secret, Action<string> refused)
    {
        byte[] will = JsonSerializer.SerializeToUtf8Bytes(new StateMessage("lost", session), MqttJson.Default.StateMessage);
        MqttClientOptionsBuilder builder = Begin(options, options.DeviceId, refused)
            .WithWillTopic(topics.State)
            .WithWillPayload(will)
            .WithWillRetain(true)
            .WithWillQualityOfServiceLevel(MqttQualityOfServiceLevel.AtLeastOnce);
        if (options.IsVersion5)
            builder = builder.WithReceiveMaximum(MaxInFlight);
        return (secret is null ? builder : builder.WithCredentials("box", secret)).Build();
    }

    /// <summary>For a program that is no box: without a last will.</summary>
    /// <exception cref="IOException">A file cannot be used; the message names it.</exception>
    public static MqttClientOptions BuildVisitor(MqttOptions options, string clientId, Action<string> refused) => Begin(options, clientId, refused).Build();

    private static MqttClientOptionsBuilder Begin(MqttOptions options, string clientId, Action<string> refused)
    {
        MqttClientOptionsBuilder builder = new MqttClientOptionsBuilder()
            .WithTcpServer(options.Host, options.Port)
            .WithClientId(clientId)
            .WithProtocolVersion(options.IsVersion5 ? MqttProtocolVersion.V500 : MqttProtocolVersion.V311)
            .WithKeepAlivePeriod(options.KeepAlive)
            .WithTimeout(TimeSpan.FromSeconds(15));
        // No session waits at the broker: what lies there is retained, what happens here is kept here, and a command that nobody waits for
        // any more must not run.
        builder = options.IsVersion5 ? builder.WithCleanStart(true).WithSessionExpiryInterval(0).WithMaximumPacketSize(MaxPacketBytes) : builder.WithCleanSession(true);
        if (options.Username is not null)
            builder = builder.WithCredentials(options.Username, options.PasswordFile is null ? null : Password(options.PasswordFile));
        return options.IsTls ? builder.WithTlsOptions(tls => Tls(tls, options, refused)) : builder;
    }

    private static void Tls(MqttClientTlsOptionsBuilder tls, MqttOptions options, Action<string> refused)
    {
        tls.UseTls().WithSslProtocols(SslProtocols.Tls12 | SslProtocols.Tls13).WithTargetHost(options.Host).WithRevocationMode(X509RevocationMode.NoCheck);
        X509Certificate2Collection? authorities = options.Ca is { } ca ? Guarded(ca, () => ReadAuthorities(ca)) : null;
        tls.WithCertificateValidationHandler(e =>
        {
            if (BrokerCertificate.Problem(e.Certificate, e.Chain, e.SslPolicyErrors, authorities) is not { } problem)
                return true;
            refused(problem);
            return false;
        });
        if (options is { ClientCertificate: { } certificate, ClientKey: { } key })
        {
            RefuseShared(key);
            string chain = Guarded(certificate, () => File.ReadAllText(certificate)), secret = Guarded(key, () => File.ReadAllText(key));
            tls.WithClientCertificates([Guarded(certificate, () => X509Certificate2.CreateFromPem(chain, secret))]);
        }
    }

    private static X509Certificate2Collection ReadAuthorities(string path)
    {
        X509Certificate2Collection authorities = [];
        authorities.ImportFromPemFile(path);
        return authorities.Count > 0 ? authorities : throw new CryptographicException("no certificate in it");
    }

    /// <exception cref="IOException">It cannot be read, or others may.</exception>
    public static byte[] Password(string path)
    {
        RefuseShared(path);
        return Guarded(path, () => System.Text.Encoding.UTF8.GetBytes(File.ReadLines(path).FirstOrDefault() ?? ""));
    }

    /// <summary>A secret that others can read is none.</summary>
    private static void RefuseShared(string path)
    {
        const UnixFileMode Others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;
        if ((Guarded(path, () => File.GetUnixFileMode(path)) & Others) != 0)
            throw new IOException($"{path}: others may read or change it; chmod 600");
    }

    /// <summary>
    /// One clause. Of an exception of the MQTT library the innermost says it, a certificate, a name, a refusal; one of this program says it
    /// itself. A broker without TLS hangs up.
    /// </summary>
    public static string Reason(Exception e, bool isTls)
    {
        Exception inner = e;
        while (inner.InnerException is { } deeper)
            inner = deeper;
        bool isSaid = e is not MqttCommunicationException && e.Message.Contains(inner.Message, StringComparison.Ordinal);
        string text = (isSaid ? e.Message : e is IOException ? $"{e.Message} {inner.Message}" : inner.Message).ReplaceLineEndings(" ").Trim();
        return isTls && inner is SocketException { SocketErrorCode: SocketError.ConnectionReset } ? $"{text}; does it speak TLS there?" : text;
    }

    private static T Guarded<T>(string path, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            throw new IOException($"{path}: {FileErrorText.Describe(e, path)}", e);
        }
    }
}
